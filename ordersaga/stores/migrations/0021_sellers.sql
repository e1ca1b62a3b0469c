-- Sellers that were onboarded: their profiles, every change of them, their accounts and their locations. Decision 0034.

CREATE TABLE seller_profiles (
    seller      text PRIMARY KEY REFERENCES sellers,
    version     integer NOT NULL CHECK (version > 0),
    profile     jsonb NOT NULL,
    changed_by  text NOT NULL CHECK (changed_by <> ''),
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE seller_changes (
    seller      text NOT NULL REFERENCES seller_profiles,
    version     integer NOT NULL CHECK (version > 0),
    changed_by  text NOT NULL CHECK (changed_by <> ''),
    changed_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    before      jsonb,
    after       jsonb NOT NULL,
    PRIMARY KEY (seller, version),
    CONSTRAINT first_comes_from_nothing CHECK ((version = 1) = (before IS NULL))
);
CREATE TRIGGER seller_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON seller_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Whose an account is. A row stays when its seller gives the account up: nobody else ever gets an account of that name,
-- for processes that run may know it as the first seller's still.
CREATE TABLE seller_accounts (
    account     text PRIMARY KEY,
    seller      text NOT NULL REFERENCES seller_profiles,
    removed_at  timestamptz
);

-- A location of a seller ships this seller's goods only; without one it is shared, as all were before.
ALTER TABLE locations ADD COLUMN seller text REFERENCES sellers;

-- The last word on isolation: an account works at its seller's locations only, and a seller's location has its own
-- goods only. Routing goes by what lies where, so no order of another seller's can come to either.
CREATE FUNCTION location_is_its_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM seller_accounts WHERE account = NEW.provider AND seller IS DISTINCT FROM NEW.seller) THEN
        RAISE EXCEPTION 'location %: its provider account % is another seller''s', NEW.location, NEW.provider
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    IF NEW.seller IS NOT NULL AND EXISTS (SELECT FROM stock JOIN products USING (sku)
            WHERE stock.location = NEW.location AND products.seller <> NEW.seller) THEN
        RAISE EXCEPTION 'location %: goods of another seller than % lie there', NEW.location, NEW.seller
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER locations_are_their_accounts BEFORE INSERT OR UPDATE OF provider, seller ON locations
    FOR EACH ROW EXECUTE FUNCTION location_is_its_accounts();

CREATE FUNCTION account_is_its_locations() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM locations WHERE provider = NEW.account AND seller IS DISTINCT FROM NEW.seller) THEN
        RAISE EXCEPTION 'account %: a location that is not %''s has it', NEW.account, NEW.seller
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER seller_accounts_are_their_locations BEFORE INSERT OR UPDATE OF seller ON seller_accounts
    FOR EACH ROW EXECUTE FUNCTION account_is_its_locations();

-- The location is locked, so that it cannot become a seller's while another's goods arrive.
CREATE FUNCTION stock_is_its_locations() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    owner text;
BEGIN
    SELECT seller INTO owner FROM locations WHERE location = NEW.location FOR SHARE;
    IF owner IS NOT NULL AND NOT EXISTS (SELECT FROM products WHERE sku = NEW.sku AND seller = owner) THEN
        RAISE EXCEPTION 'location % is %''s: % is another seller''s', NEW.location, owner, NEW.sku
            USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stock_is_its_locations_own BEFORE INSERT ON stock
    FOR EACH ROW EXECUTE FUNCTION stock_is_its_locations();
