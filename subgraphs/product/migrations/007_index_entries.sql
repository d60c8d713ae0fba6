---- tern: disable-tx ----
-- Faster searches for frequent words. A search is for words that start with the
-- given one. The index finds a prefix by collecting all entries of all words that
-- have it, in memory; it reads those of given words as a stream, and skips what
-- other words exclude. So the service looks up the words that have the prefix.
--
-- An interrupted run is repeated.

-- Every lexeme that is or was in the document of a product.
CREATE TABLE IF NOT EXISTS product_lexemes (
    lexeme text COLLATE "C" PRIMARY KEY
);

-- Also adds the lexemes.
CREATE OR REPLACE FUNCTION add_product_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In order, so that concurrent changes do not deadlock.
    INSERT INTO product_words
    SELECT DISTINCT word COLLATE "C" FROM changed, regexp_split_to_table(lower(words), '[^[:alnum:]]+') AS word
    WHERE word <> '' ORDER BY 1
    ON CONFLICT DO NOTHING;

    INSERT INTO product_lexemes
    SELECT DISTINCT lexeme COLLATE "C" FROM changed, unnest(tsvector_to_array(document)) AS lexeme
    ORDER BY 1
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- Wait for changes that the former trigger has seen.
DO $$ BEGIN LOCK TABLE products IN SHARE ROW EXCLUSIVE MODE; END $$;

-- In order, like the trigger.
INSERT INTO product_lexemes SELECT word COLLATE "C" FROM ts_stat('SELECT document FROM products') ORDER BY 1
ON CONFLICT DO NOTHING;

-- What a condition for one prefix stands for: the words that have it, or, if there
-- are more than 32, null. Reading that many streams would take longer.
CREATE OR REPLACE FUNCTION index_entries(condition tsquery) RETURNS tsquery
    LANGUAGE sql STABLE AS $$
        SELECT CASE WHEN count(*) <= 32 THEN string_agg(array_to_tsvector(ARRAY[lexeme])::text, ' | ')::tsquery END
        FROM (
            SELECT lexeme FROM (
                SELECT (tsvector_to_array(left(condition::text, -2)::tsvector))[1] AS start
                WHERE numnode(condition) = 1 AND condition::text LIKE '%:*'
            ) AS prefix, product_lexemes
            WHERE lexeme >= start AND lexeme < start || U&'\+10FFFF' COLLATE "C" LIMIT 33
        ) AS having_prefix
    $$;

---- create above / drop below ----

DROP FUNCTION index_entries;

CREATE OR REPLACE FUNCTION add_product_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO product_words
    SELECT DISTINCT word COLLATE "C" FROM changed, regexp_split_to_table(lower(words), '[^[:alnum:]]+') AS word
    WHERE word <> '' ORDER BY 1
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

DROP TABLE product_lexemes;
