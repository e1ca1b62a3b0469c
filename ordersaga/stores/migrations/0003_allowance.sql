-- Goodwill has an account of its own: price given up for goods the shopper keeps.

ALTER TABLE money_postings
    DROP CONSTRAINT money_postings_account_check,
    ADD CONSTRAINT money_postings_account_check CHECK (account IN
        ('authorization', 'authorization_contra', 'cash', 'receivable', 'sales', 'write_off', 'allowance'));
