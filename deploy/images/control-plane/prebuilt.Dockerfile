# The image around programs that scripts/images has built. A file of its own, because not every builder leaves out stages that it does
# not need.
ARG RUNTIME_IMAGE=debian:bookworm-slim
FROM ${RUNTIME_IMAGE}
COPY target/images/control-plane target/images/notifi-scaler target/images/chart-secrets /usr/local/bin/
# No shell is needed, and nothing is written.
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/control-plane"]
