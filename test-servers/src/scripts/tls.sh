# Puts a server's certificates into a folder of their own, and becomes the command that follows.
#
# usage: sh -c TLS tls FOLDER OWNER AUTHORITIES CERTIFICATE KEY COMMAND...
#
# OWNER is who the server runs as, where that is somebody else; empty otherwise. Beside the certificates stand the rules of a Postgres
# that lets in clients with a certificate only; another kind of server passes them over.
folder=$1
owner=$2
umask 077
mkdir -p "$folder"
printf '%s' "$3" >"$folder/authorities.crt"
printf '%s' "$4" >"$folder/server.crt"
printf '%s' "$5" >"$folder/server.key"
printf '%s\n' 'local all all trust' 'hostssl all all all trust clientcert=verify-ca' >"$folder/pg_hba.conf"
[ -z "$owner" ] || chown -R "$owner" "$folder"
shift 5
exec "$@"
