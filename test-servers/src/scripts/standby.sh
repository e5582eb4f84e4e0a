# Becomes a Postgres server in this folder that follows another one, asynchronously, until it is promoted: its programs, its port, the port
# of the other one, more options.
programs=$1
port=$2
primary=$3
shift 3

if ! [ -d data ]; then
  "$programs/pg_basebackup" --host=127.0.0.1 --port="$primary" --username=postgres --pgdata=data --write-recovery-conf \
    --wal-method=stream --checkpoint=fast --no-sync || exit
fi
exec "$programs/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$PWD" \
  -c fsync=off -c full_page_writes=off -c max_connections=300 "$@"
