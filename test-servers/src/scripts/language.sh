# Makes the locale of this language in this folder, and becomes the rest of the words with it at hand.
folder=$1
language=$2
shift 2

[ -d "$folder/$language.UTF-8" ] || { mkdir -p "$folder" && localedef -i "$language" -f UTF-8 "$folder/$language.UTF-8"; } || exit
export LOCPATH="$folder"
exec "$@"
