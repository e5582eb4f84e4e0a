//! The core's hash is Postgres' own.

use scaler_core::{ItemId, SlotCount, slot_of, uuid_hash};
use uuid::Uuid;

use crate::support::bare;

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
        assert_eq!(slot_of(ItemId::new(id), slots).number(), slot.cast_unsigned(), "{id}");
    }
}
