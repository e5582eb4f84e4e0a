select slots from {group}.meta
