//! The sentences of the design ("Fresh enough to serve"), each of which can be taken out of the small system.

/// A sentence that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sentence {
    /// "A restrictive command is first appended to `control` as a hold."
    HoldFirst,
    /// "Whoever reads it refuses from then on."
    HoldRefuses,
    /// A hold is enforced before a tick behind it renews the lease.
    HoldEnforcedBeforeRenewal,
    /// "A hold ends when its event is folded": not when another replica has folded it.
    HoldEndsByOwnFold,
    /// "Any replica that sees one without its event for 10 s appends the event itself."
    Takeover,
    /// "Every 200 ms … each replica appends a record."
    Ticks,
    /// "… and at once after a command."
    TickAtOnce,
    /// A record carries the "log id".
    LogId,
    /// A record carries the "boot id".
    Boot,
    /// A record carries a "nonce".
    Nonce,
    /// A record carries "the revision it has folded", and enforces: not one that is still to be published.
    RevisionEnforced,
    /// "The clock is read *before* the producer gets the record."
    ClockReadBefore,
    /// "A record renews the lease only when it is *read back*."
    ReadBack,
    /// "… and only if the fold has by then reached every revision carried by the records before it."
    FoldAwaited,
    /// "The lease is then `max(lease, sent + 700 ms)`."
    NeverShorter,
    /// "The command is answered when every boot … has confirmed."
    Confirmed,
    /// "Every boot that ticked within the last lease": also those whose ticks the answering replica has not read yet.
    EveryBoot,
    /// … and those that ticked before the answering replica began to read.
    BootsBeforeReading,
    /// "… its streams are cut, its tokens purged."
    StreamsCut,
    /// What is decided on stands until the write: nothing later counts as enforced before.
    FootingHeld,
    /// "… or a lease … after": a replica that is gone does not keep the answer back.
    Expires,
    /// "… plus drift."
    Drift,
    /// "… after that record's acknowledgement": not after it was given to the producer.
    AfterAcknowledgement,
    /// "Read it back to the oldest open hold."
    ReadToOldestHold,
    /// "Every record names the oldest its writer knows."
    OldestNamed,
    /// Every record says how far its writer has read `control`: it knows of no hold behind that.
    PositionNamed,
    /// "With no record of the last minute, read all that is retained."
    ReadAllRetained,
    /// "Append `ReplicaJoined` to `registry`, serve once it is folded."
    Joined,
    /// "Note `control`'s end" first, and join then.
    EndNotedBeforeJoining,
    /// "After any gap" as at boot: nothing that was missed is passed over.
    Gap,
    /// "Whoever reads it refuses from then on": over a gap, too.
    HoldsOutliveGap,
    /// After a gap what was missed does not count as enforced before the boot has joined again.
    EnforcedAnew,
    /// The oldest open hold may be gone: then nobody begins to read.
    LostHoldStops,
    /// "If an API died before its record, any other replica's record covers the command."
    AnyRecordCovers,
    /// "A retried command writes one again."
    RetryWritesAgain,
    /// "The clock counts suspended time."
    SuspendedTime,
    /// "Check lease and revision again" before the write.
    CheckBeforeWrite,
    /// "Check once more after the write."
    CheckAfterWrite,
    /// "An event of a type that a gateway does not know makes it stop serving."
    UnknownStops,
}
