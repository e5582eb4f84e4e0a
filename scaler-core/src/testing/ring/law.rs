//! Laws of placement, and the histories on which each is tested.

use std::fmt;

use super::history::{Loads, Seats, Setting};
use super::rules;
use super::turn::{Finding, Turn};
use crate::{Evenness, Guarantees, Minimality};

/// Law of placement: a property of every plan of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Law {
    /// Every slot has an owner in the roster while any worker may receive, and equal histories give equal plans.
    TotalAndDeterministic,
    /// Slots move only to workers that join, if none leaves.
    JoinMovesOnlyToTheJoiner,
    /// Only the slots of workers that leave move, if none joins.
    LeaveMovesOnlyTheLeavers,
    /// Simultaneous joins and leaves move as many slots as the leavers had or the joiners get, whichever is more.
    BatchIsMinimal,
    /// Nothing moves between workers that stay as they are. Under [`Minimality::Exact`], no worker both gives and receives
    /// items.
    SurvivorsExchangeNothing,
    /// Workers of equal weight own equally many slots, to within one; a join moves the floor of the joiner's share.
    EqualWeightsWithinOne,
    /// Slots are apportioned by Webster's rule.
    Webster,
    /// A raised weight moves slots only to its worker, a lowered weight only from it.
    WeightChangeMovesOnlyItsWorker,
    /// Items are spread evenly, to within the heaviest slot.
    ItemWeightsWithinTheHeaviest,
    /// No worker owns more slots than the ring's bound allows.
    WithinTheBound,
    /// A plan is the difference of the owners before and after it, each slot once.
    DeltaIsTheDifference,
    /// An unchanged roster moves nothing, under any load.
    SameRosterMovesNothing,
    /// A new item moves no slot.
    NewItemMovesNoOther,
    /// A rebalance for load ends within the tolerance, or when no move helps.
    SettleEndsEven,
    /// A cordoned worker receives nothing.
    CordonedReceiveNothing,
    /// A stale plan is refused and changes nothing.
    StalePlanIsRefused,
    /// The slots that a joiner gets hold about as many items as others: a joiner that collected light slots to reach its share
    /// would soon have more than its share of new items.
    JoinersGetTypicalSlots,
    /// Repeated joins and leaves do not move the same slots each time.
    SlotsTakeTurns,
}

impl Law {
    /// All laws.
    pub const ALL: [Self; 18] = [
        Self::TotalAndDeterministic,
        Self::JoinMovesOnlyToTheJoiner,
        Self::LeaveMovesOnlyTheLeavers,
        Self::BatchIsMinimal,
        Self::SurvivorsExchangeNothing,
        Self::EqualWeightsWithinOne,
        Self::Webster,
        Self::WeightChangeMovesOnlyItsWorker,
        Self::ItemWeightsWithinTheHeaviest,
        Self::WithinTheBound,
        Self::DeltaIsTheDifference,
        Self::SameRosterMovesNothing,
        Self::NewItemMovesNoOther,
        Self::SettleEndsEven,
        Self::CordonedReceiveNothing,
        Self::StalePlanIsRefused,
        Self::JoinersGetTypicalSlots,
        Self::SlotsTakeTurns,
    ];

    /// Returns true if a ring with these guarantees must keep the law.
    #[must_use]
    pub fn is_promised_by(self, guarantees: Guarantees) -> bool {
        match self {
            Self::BatchIsMinimal | Self::SlotsTakeTurns => guarantees.minimal == Minimality::Exact,
            Self::JoinMovesOnlyToTheJoiner
            | Self::LeaveMovesOnlyTheLeavers
            | Self::SurvivorsExchangeNothing
            | Self::WeightChangeMovesOnlyItsWorker => {
                matches!(guarantees.minimal, Minimality::Exact | Minimality::Consistent)
            }
            Self::EqualWeightsWithinOne | Self::Webster | Self::ItemWeightsWithinTheHeaviest | Self::SettleEndsEven => {
                guarantees.even == Evenness::Exact
            }
            Self::WithinTheBound => matches!(guarantees.even, Evenness::Bounded { .. }),
            Self::TotalAndDeterministic
            | Self::DeltaIsTheDifference
            | Self::SameRosterMovesNothing
            | Self::NewItemMovesNoOther
            | Self::CordonedReceiveNothing
            | Self::StalePlanIsRefused
            | Self::JoinersGetTypicalSlots => true,
        }
    }

    /// Returns the kind of histories on which the law is tested. Cordons and changing loads are left out where they may excuse
    /// unevenness.
    pub(super) const fn setting(self) -> Setting {
        let (seats, loads) = match self {
            Self::BatchIsMinimal | Self::Webster | Self::WeightChangeMovesOnlyItsWorker => (Seats::Weighted, Loads::Slots),
            Self::EqualWeightsWithinOne => (Seats::Equal, Loads::Slots),
            Self::JoinersGetTypicalSlots => (Seats::Equal, Loads::Dense),
            Self::SlotsTakeTurns => (Seats::Revolving, Loads::Slots),
            Self::ItemWeightsWithinTheHeaviest => (Seats::Weighted, Loads::SameItems),
            Self::JoinMovesOnlyToTheJoiner | Self::LeaveMovesOnlyTheLeavers | Self::WithinTheBound => {
                (Seats::Weighted, Loads::Changing)
            }
            Self::TotalAndDeterministic
            | Self::SurvivorsExchangeNothing
            | Self::DeltaIsTheDifference
            | Self::SameRosterMovesNothing
            | Self::NewItemMovesNoOther
            | Self::SettleEndsEven
            | Self::CordonedReceiveNothing
            | Self::StalePlanIsRefused => (Seats::Cordoned, Loads::Changing),
        };
        Setting { seats, loads }
    }

    pub(super) fn judge(self, turn: &Turn<'_>) -> Finding {
        match self {
            Self::TotalAndDeterministic => rules::total_and_deterministic(turn),
            Self::JoinMovesOnlyToTheJoiner => rules::join_moves_only_to_the_joiner(turn),
            Self::LeaveMovesOnlyTheLeavers => rules::leave_moves_only_the_leavers(turn),
            Self::BatchIsMinimal => rules::batch_is_minimal(turn),
            Self::SurvivorsExchangeNothing => rules::survivors_exchange_nothing(turn),
            Self::EqualWeightsWithinOne => rules::equal_weights_within_one(turn),
            Self::Webster => rules::webster(turn),
            Self::WeightChangeMovesOnlyItsWorker => rules::weight_change_moves_only_its_worker(turn),
            Self::ItemWeightsWithinTheHeaviest => rules::item_weights_within_the_heaviest(turn),
            Self::WithinTheBound => rules::within_the_bound(turn),
            Self::DeltaIsTheDifference => rules::delta_is_the_difference(turn),
            Self::SameRosterMovesNothing => rules::same_roster_moves_nothing(turn),
            Self::NewItemMovesNoOther => rules::new_item_moves_no_other(turn),
            Self::SettleEndsEven => rules::settle_ends_even(turn),
            Self::CordonedReceiveNothing => rules::cordoned_receive_nothing(turn),
            Self::StalePlanIsRefused => rules::stale_plan_is_refused(turn),
            Self::JoinersGetTypicalSlots => rules::joiners_get_typical_slots(turn),
            Self::SlotsTakeTurns => rules::slots_take_turns(turn),
        }
    }
}

impl fmt::Display for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the law {self:?}")
    }
}
