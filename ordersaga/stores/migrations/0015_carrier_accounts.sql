-- Labels are bought at one of several carrier accounts: an effect says at which, from before its call.

-- NULL: of the only account there was before.
ALTER TABLE effects ADD COLUMN account text CHECK (account <> '');
