-- A call that left although it should not have any more: why (see DispatchedLate of the audit). NULL for all others.
ALTER TABLE calls ADD COLUMN late TEXT;
