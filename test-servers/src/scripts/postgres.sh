# Becomes a Postgres server in this folder: its programs, its port, more options. Safe data is worth nothing here, so
# nothing is flushed; synchronous_commit stays on, because what is tested may turn it off.
programs=$1
port=$2
shift 2

if ! [ -d data ]; then
  "$programs/initdb" --pgdata=data --username=postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 --no-sync || exit
fi
exec "$programs/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1,::1 -c unix_socket_directories="$PWD" \
  -c fsync=off -c full_page_writes=off -c max_connections=300 "$@"
