# Becomes a Postgres in this folder that follows another one: the folder of the programs, its port, "-c",
# "primary_conninfo=URL", more options.
programs=$1
port=$2
shift 2

if ! [ -d data ]; then
  "$programs/pg_basebackup" --pgdata=data --dbname="${2#primary_conninfo=}" --checkpoint=fast --wal-method=stream --no-sync || exit
  touch data/standby.signal
fi
exec "$programs/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$PWD" \
  -c fsync=off -c full_page_writes=off -c max_connections=300 "$@"
