//! The core's hash is Postgres' own.

use scaler_core::{ItemId, SlotCount, item_hash, slot_of, uuid_hash};
use uuid::Uuid;

use crate::support::{Desk, bare};

#[tokio::test]
async fn both_sides_find_the_same_hash_and_slot_for_random_ids() {
    let desk = bare().await;
    let slots = desk.store.install(None).await.unwrap().slots;
    assert_eq!(slots, SlotCount::DEFAULT);
    let seed: i64 = sqlx::query_scalar("select (random() * 9e18)::bigint").fetch_one(&desk.user).await.unwrap();
    let rows: Vec<(Uuid, i64, i64, i32)> = sqlx::query_as(
        "select id, uuid_hash_extended(id, 0), uuid_hash_extended(id, $1), scaler.slot_of(id)
         from (select gen_random_uuid() as id from generate_series(1, 20000)) as ids",
    )
    .bind(seed)
    .fetch_all(&desk.user)
    .await
    .unwrap();
    for (id, plain, seeded, slot) in rows {
        assert_eq!(uuid_hash(id, 0), plain.cast_unsigned(), "{id}");
        assert_eq!(uuid_hash(id, seed.cast_unsigned()), seeded.cast_unsigned(), "{id} with seed {seed}");
        assert_eq!(slot_of(&id.into(), slots).number(), slot.cast_unsigned(), "{id}");
    }
}

/// Compares the hashes of random keys, as given by a query that takes a seed.
async fn compare<K>(desk: &Desk, sql: &'static str)
where
    K: Into<ItemId> + Send + Unpin + for<'row> sqlx::Decode<'row, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    let seed: i64 = sqlx::query_scalar("select (random() * 9e18)::bigint").fetch_one(&desk.user).await.unwrap();
    let rows: Vec<(K, i64, i64)> = sqlx::query_as(sql).bind(seed).fetch_all(&desk.user).await.unwrap();
    assert!(rows.len() >= 20_000);
    for (id, plain, seeded) in rows {
        let id = id.into();
        assert_eq!(item_hash(&id, 0), plain.cast_unsigned(), "{id}");
        assert_eq!(item_hash(&id, seed.cast_unsigned()), seeded.cast_unsigned(), "{id} with seed {seed}");
    }
}

#[tokio::test]
async fn both_sides_find_the_same_hash_for_random_keys_of_each_type() {
    let desk = bare().await;
    compare::<i64>(
        &desk,
        "select id, hashint8extended(id, 0), hashint8extended(id, $1)
         from (select ((random() - 0.5) * 2 ^ (random() * 63))::bigint as id from generate_series(1, 20000)) as ids",
    )
    .await;
    compare::<i32>(
        &desk,
        "select id, hashint4extended(id, 0), hashint4extended(id, $1)
         from (select ((random() - 0.5) * 4294967295)::integer as id from generate_series(1, 20000)) as ids",
    )
    .await;
    compare::<String>(
        &desk,
        "select id, hashtextextended(id, 0), hashtextextended(id, $1)
         from (select left(repeat(md5(random()::text) || 'ü', 4), n % 100) as id from generate_series(1, 20000) n) as ids",
    )
    .await;
}
