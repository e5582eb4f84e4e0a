# Becomes a Sentinel in this folder: its programs, its port, the port of the primary, more options. Alone it decides; half a second without an
# answer is a failure. Where a folder has certificates, it speaks TLS on its port, and with those that it watches.
programs=$1
port=$2
primary=$3
shift 3

if ! [ -f sentinel.conf ]; then
  if [ -d tls ]; then
    cat >sentinel.conf <<END
tls-port $port
tls-replication yes
tls-ca-cert-file $PWD/tls/authorities.crt
tls-cert-file $PWD/tls/server.crt
tls-key-file $PWD/tls/server.key
END
  else
    echo "port $port" >sentinel.conf
  fi
  cat >>sentinel.conf <<END
bind 127.0.0.1
dir $PWD
sentinel monitor main 127.0.0.1 $primary 1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 3000
END
fi
exec "$programs/redis-server" sentinel.conf --sentinel "$@"
