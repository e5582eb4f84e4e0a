//! Names of the keys and the channel in Redis.

/// Keys and channel, which derive from the name of the hash. The braces keep them on one node of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// A hash: the JSON record of each worker, by its name.
    pub(crate) workers: String,
    /// A sorted set: time of each worker's last heartbeat, in ms.
    pub(crate) seen: String,
    /// A sorted set: incarnations that lost their name, with the time of that, in ms.
    pub(crate) superseded: String,
    /// A set: workers that are retired.
    pub(crate) retired: String,
    /// Channel of the wake-up notifications.
    pub(crate) channel: String,
}

impl Keys {
    pub(crate) fn of(hash: &str) -> Self {
        let derived = |what| if has_tag(hash) { format!("{hash}:{what}") } else { format!("{{{hash}}}:{what}") };
        Self {
            workers: hash.to_owned(),
            seen: derived("seen"),
            superseded: derived("superseded"),
            retired: derived("retiring"),
            channel: derived("nudge"),
        }
    }

    /// Returns the keys in the order in which every script takes them.
    pub(crate) fn for_script(&self) -> Vec<String> {
        vec![self.workers.clone(), self.seen.clone(), self.superseded.clone(), self.retired.clone()]
    }

    /// Returns each key with the type that it must have.
    pub(crate) fn types(&self) -> [(&str, &'static str); 4] {
        [(&self.workers, "hash"), (&self.seen, "zset"), (&self.superseded, "zset"), (&self.retired, "set")]
    }
}

/// True if a cluster hashes only a part of this name (hash tag): the text in its first braces, unless that is empty.
fn has_tag(name: &str) -> bool {
    name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).is_some_and(|(tag, _)| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Keys;

    /// Returns the part of a key that a cluster hashes, by its specification.
    fn hashed(key: &str) -> &str {
        let tag = key.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map(|(tag, _)| tag);
        tag.filter(|tag| !tag.is_empty()).unwrap_or(key)
    }

    #[test]
    fn all_keys_are_on_one_node_of_a_cluster() {
        for hash in ["workers", "a{b}c", "{b}", "a{b}{c}", "open{"] {
            let keys = Keys::of(hash);
            let names = [&keys.workers, &keys.seen, &keys.superseded, &keys.retired, &keys.channel];
            assert!(names.iter().all(|name| hashed(name) == hashed(hash)), "{keys:?}");
        }
        assert_eq!(Keys::of("workers").seen, "{workers}:seen");
    }
}
