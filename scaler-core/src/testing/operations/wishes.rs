//! Cases for wishes.

use crate::testing::store::StoreFixture;
use crate::testing::{CaseResult, Violation, ensure, equal};
use crate::{
    EventFilter, EventKind, RecordedWish, Slot, StoreError, WISH_TEXT_LIMIT, WISH_WEIGHT_LIMIT, Weight, Wish, WishKind,
    WishSubject, WorkerId,
};

fn worker(name: &str) -> Result<WorkerId, Violation> {
    Ok(WorkerId::new(name)?)
}

fn none() -> Violation {
    Violation::new("the store keeps no wishes or no events")
}

async fn wish(fixture: &dyn StoreFixture, wish: &Wish, by: &str, note: &str) -> Result<(), Violation> {
    Ok(fixture.store().wishes().ok_or_else(none)?.wish(wish, by, note).await?)
}

async fn withdraw(fixture: &dyn StoreFixture, subject: &WishSubject) -> Result<bool, Violation> {
    Ok(fixture.store().wishes().ok_or_else(none)?.withdraw(subject, "bob").await?)
}

async fn kept(fixture: &dyn StoreFixture) -> Result<Vec<RecordedWish>, Violation> {
    Ok(fixture.store().wishes().ok_or_else(none)?.wishes().await?)
}

/// A wish is kept with the operator who made it and the note.
pub async fn a_wish_is_kept_with_its_operator_and_its_note(fixture: &dyn StoreFixture) -> CaseResult {
    equal(kept(fixture).await?, vec![], "wishes of an empty store")?;
    wish(fixture, &Wish::Pause, "alice", "new disks").await?;
    let kept = kept(fixture).await?;
    let [RecordedWish { wish, by, note, .. }] = &kept[..] else { return Err(Violation::new(format!("wishes: {kept:?}"))) };
    equal((wish, by.as_str(), note.as_str()), (&Wish::Pause, "alice", "new disks"), "wish")
}

/// Wishes of each kind are kept, and come by subject.
pub async fn wishes_of_each_kind_are_kept_side_by_side(fixture: &dyn StoreFixture) -> CaseResult {
    let (a, weight) = (worker("a")?, Weight::new(7).unwrap_or(Weight::ONE));
    let all = [
        Wish::Pause,
        Wish::Cordon(a.clone()),
        Wish::Drain(a.clone()),
        Wish::Weigh(a.clone(), weight),
        Wish::Pin(Slot::new(0), a.clone()),
        Wish::Pin(Slot::new(255), a),
    ];
    for made in all.iter().rev() {
        wish(fixture, made, "alice", "").await?;
    }
    let kept: Vec<_> = kept(fixture).await?.into_iter().map(|recorded| recorded.wish).collect();
    equal(kept, all.to_vec(), "wishes")
}

/// A new wish replaces the one with the same subject.
pub async fn a_wish_replaces_the_one_with_its_subject(fixture: &dyn StoreFixture) -> CaseResult {
    let slot = Slot::new(3);
    wish(fixture, &Wish::Pin(slot, worker("a")?), "alice", "").await?;
    wish(fixture, &Wish::Pin(slot, worker("b")?), "bob", "").await?;
    let kept: Vec<_> = kept(fixture).await?.into_iter().map(|recorded| (recorded.wish, recorded.by)).collect();
    equal(kept, vec![(Wish::Pin(slot, worker("b")?), "bob".to_owned())], "wishes")
}

/// A wish that is already kept stays as it is, and is no event.
pub async fn a_repeated_wish_changes_nothing(fixture: &dyn StoreFixture) -> CaseResult {
    wish(fixture, &Wish::Pause, "alice", "first").await?;
    let first = kept(fixture).await?;
    fixture.pass_a_moment().await;
    wish(fixture, &Wish::Pause, "bob", "second").await?;
    equal(kept(fixture).await?, first, "wishes after a repetition")?;
    equal(events(fixture).await?.len(), 1, "events")
}

/// A withdrawn wish is gone; another one stays.
pub async fn a_withdrawn_wish_is_gone(fixture: &dyn StoreFixture) -> CaseResult {
    let (cordon, drain) = (Wish::Cordon(worker("a")?), Wish::Drain(worker("a")?));
    for made in [&cordon, &drain] {
        wish(fixture, made, "alice", "").await?;
    }
    ensure(withdraw(fixture, &cordon.subject()).await?, "the wish was kept")?;
    ensure(!withdraw(fixture, &cordon.subject()).await?, "the wish is gone")?;
    ensure(!withdraw(fixture, &WishSubject::Worker(WishKind::Drain, worker("b")?)).await?, "another worker has no wish")?;
    let kept: Vec<_> = kept(fixture).await?.into_iter().map(|recorded| recorded.wish).collect();
    equal(kept, vec![drain], "wishes")
}

/// A pin of a slot that does not exist, or a weight beyond the limit, is refused, and changes nothing.
pub async fn a_wish_that_cannot_be_is_refused(fixture: &dyn StoreFixture) -> CaseResult {
    let weight = Weight::new(WISH_WEIGHT_LIMIT + 1).unwrap_or(Weight::ONE);
    let pins = [256, u32::MAX].map(|slot| Ok::<_, Violation>(Wish::Pin(Slot::new(slot), worker("a")?)));
    for invalid in pins.into_iter().chain([Ok(Wish::Weigh(worker("a")?, weight))]) {
        let (store, invalid) = (fixture.store(), invalid?);
        let refused = store.wishes().ok_or_else(none)?.wish(&invalid, "alice", "").await;
        ensure(matches!(refused, Err(StoreError::Refused { .. })), format!("{invalid}: {refused:?}"))?;
    }
    equal(kept(fixture).await?, vec![], "wishes")
}

/// Names and notes of any characters are kept; long ones are cut, and NUL is left out.
pub async fn any_text_is_kept_or_cut(fixture: &dyn StoreFixture) -> CaseResult {
    let odd = "'; drop table wish; --\n\"\u{1F980}\u{202E}";
    wish(fixture, &Wish::Pause, odd, &"\u{1F980}".repeat(5 * WISH_TEXT_LIMIT)).await?;
    wish(fixture, &Wish::Cordon(worker("a")?), "a\0b", "\0").await?;
    let kept: Vec<_> = kept(fixture).await?.into_iter().map(|recorded| (recorded.by, recorded.note)).collect();
    let expected = [(odd.to_owned(), "\u{1F980}".repeat(WISH_TEXT_LIMIT)), ("ab".to_owned(), String::new())];
    equal(kept, expected.to_vec(), "names and notes")
}

/// A wish and its withdrawal are events with their operators.
pub async fn wishes_and_withdrawals_are_events(fixture: &dyn StoreFixture) -> CaseResult {
    let cordon = Wish::Cordon(worker("a")?);
    wish(fixture, &cordon, "alice", "disk").await?;
    withdraw(fixture, &cordon.subject()).await?;
    let told = |text: &str, by: &str| Ok::<_, Violation>((text.to_owned(), Some(worker("a")?), Some(by.to_owned())));
    let expected = vec![told("a is no longer cordoned", "bob")?, told("a is cordoned: disk", "alice")?];
    equal(events(fixture).await?, expected, "events, newest first")
}

async fn events(fixture: &dyn StoreFixture) -> Result<Vec<(String, Option<WorkerId>, Option<String>)>, Violation> {
    let filter = EventFilter { kind: Some(EventKind::Wish), ..EventFilter::default() };
    let events = fixture.store().event_log().ok_or_else(none)?.events(&filter, 100).await?;
    Ok(events.into_iter().map(|recorded| (recorded.event.text, recorded.event.worker, recorded.event.by)).collect())
}
