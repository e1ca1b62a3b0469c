-- What people read of histories through the codec server: a row for each request, kept for good.

-- `subjects`: the orders whose payloads were opened, or `@deployment`.
CREATE TABLE codec_reads (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    "by"       text NOT NULL CHECK ("by" <> ''),
    role       text NOT NULL,
    seller     text,
    namespace  text NOT NULL,
    subjects   text[] NOT NULL,
    payloads   integer NOT NULL CHECK (payloads >= 0)
);
CREATE INDEX codec_reads_at ON codec_reads (at DESC);
CREATE INDEX codec_reads_subjects ON codec_reads USING gin (subjects);
CREATE TRIGGER codec_reads_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON codec_reads
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
