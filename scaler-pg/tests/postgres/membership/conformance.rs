//! Postgres keeps every rule of a membership: directly, and behind a pooler in transaction mode.

mod direct {
    use scaler_pg::PgConfig;

    use crate::membership::desk::{Pair, open};
    use crate::support::{Desk, installed};

    scaler_core::membership_suite!(fixture);

    async fn fixture() -> Pair<Desk> {
        let desk = installed(1000).await;
        let config = PgConfig::new(desk.database.url());
        Pair { clients: [open(&config), open(&config)], _kept: desk }
    }
}

mod pooled {
    use scaler_pg::{PgConfig, Pooler};
    use test_servers::{PgBouncer, Postgres};

    use crate::membership::desk::{Pair, open};
    use crate::support::{Desk, installed};

    scaler_core::membership_suite!(fixture);

    async fn fixture() -> Pair<(Desk, PgBouncer)> {
        let desk = installed(1000).await;
        let pooler = PgBouncer::in_front_of(Postgres::shared().await).await;
        let mut config = PgConfig::new(pooler.url(&desk.database));
        config.pooler = Pooler::Transaction;
        Pair { clients: [open(&config), open(&config)], _kept: (desk, pooler) }
    }
}
