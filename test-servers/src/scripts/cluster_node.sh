# Becomes a node of a Redis cluster in this folder: its programs, its port, more options. It saves nothing.
programs=$1
port=$2
shift 2

# The nodes talk to each other on a port of their own, which by default might be beyond the last port there is.
if [ "$port" -lt 55000 ]; then bus=$((port + 10000)); else bus=$((port - 10000)); fi
exec "$programs/redis-server" --bind 127.0.0.1 --port "$port" --cluster-port "$bus" --dir "$PWD" --save "" --appendonly no \
  --cluster-enabled yes --cluster-node-timeout 1000 "$@"
