# Becomes a Postgres server in this folder that follows another one, asynchronously, until it is promoted: its programs, its port, the port
# of the other one, which is stopped at first, its data folder, more options.
programs=$1
port=$2
primary=$3
primary_data=$4
shift 4

if ! [ -d data ]; then
  cp -Rp "$primary_data" data || exit
  touch data/standby.signal
  echo "primary_conninfo = 'host=127.0.0.1 port=$primary user=postgres'" >>data/postgresql.auto.conf
fi
exec "$programs/postgres" -D data -p "$port" -c listen_addresses=127.0.0.1 -c unix_socket_directories="$PWD" \
  -c fsync=off -c full_page_writes=off -c max_connections=300 -c wal_retrieve_retry_interval=100ms "$@"
