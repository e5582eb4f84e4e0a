//! The names of what we keep in Redis.

/// The keys and the channel that derive from the name of the hash. The braces keep them on one node of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// A hash: what each worker says, by its name.
    pub(crate) workers: String,
    /// A sorted set: when each worker was last heard, in ms.
    pub(crate) seen: String,
    /// A sorted set: incarnations that lost their name, and when, in ms.
    pub(crate) superseded: String,
    /// A set: the workers that are retired.
    pub(crate) retired: String,
    /// The channel of the nudges.
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

    /// The keys in the order in which every script takes them.
    pub(crate) fn for_script(&self) -> Vec<String> {
        vec![self.workers.clone(), self.seen.clone(), self.superseded.clone(), self.retired.clone()]
    }

    /// Each key and the type it must have.
    pub(crate) fn types(&self) -> [(&str, &'static str); 4] {
        [(&self.workers, "hash"), (&self.seen, "zset"), (&self.superseded, "zset"), (&self.retired, "set")]
    }
}

/// Whether a cluster hashes only a part of this name: what stands in its first braces, unless that is nothing.
fn has_tag(name: &str) -> bool {
    name.split_once('{').and_then(|(_, rest)| rest.split_once('}')).is_some_and(|(tag, _)| !tag.is_empty())
}

#[cfg(test)]
mod tests {
    use super::Keys;

    /// What a cluster hashes, by its specification.
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
