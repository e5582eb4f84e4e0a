# Becomes a Redis server in this folder: its programs, its port, more options. It saves nothing.
programs=$1
port=$2
shift 2

# The address with the dash may be missing.
exec "$programs/redis-server" --bind 127.0.0.1 -::1 --port "$port" --dir "$PWD" --save "" --appendonly no "$@"
