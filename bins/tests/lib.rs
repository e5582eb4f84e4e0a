//! The programs as processes, on real servers: see `servers/`.
