-- Money that a channel's platform collects and gives back has an account of its own: the payment company knows nothing of it.

ALTER TABLE money_postings
    DROP CONSTRAINT money_postings_account_check,
    ADD CONSTRAINT money_postings_account_check CHECK (account IN
        ('authorization', 'authorization_contra', 'cash', 'platform', 'receivable', 'sales', 'write_off', 'allowance'));
