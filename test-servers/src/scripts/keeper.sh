# Keeps one server in the folder it is started in.
#
# usage: sh -c KEEPER keeper END_SIGNAL COMMAND...
#
# Orders come on stdin: "start", answered by "starting" on stdout, or the name of a signal for the server; STOP and CONT are answered by "done". "ended" says
# that the server has ended, for whatever reason. Stdin closes when the process that wanted the server ends, however it ends: then the
# server is stopped and the folder removed.
end_signal=$1
shift

# When its parent ends, the kernel hangs up a process group that has a stopped member, such as a paused server: that must not end its keeper.
trap '' HUP

while read -r order; do
  case $order in
    start)
      rm -f pid log
      echo starting
      {
        "$@" </dev/null >log 2>&1 &
        echo $! >pid
        wait $! 2>/dev/null
        echo gone >pid
        echo ended
      } &
      until [ -s pid ]; do sleep 0.01; done
      ;;
    STOP | CONT)
      kill -s "$order" "$(cat pid)"
      echo done
      ;;
    *) kill -s "$order" "$(cat pid)" ;;
  esac
done

# Again and again: a server that is still preparing itself may not listen to signals yet. A paused one hears none until it goes on.
while [ -s pid ] && kill -s "$end_signal" "$(cat pid)" 2>/dev/null; do
  kill -s CONT "$(cat pid)" 2>/dev/null
  sleep 0.1
done
folder=$PWD
cd / && rm -rf "$folder"
