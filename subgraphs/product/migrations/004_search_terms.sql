-- Searches in large catalogues. search_terms(query) returns the words of a
-- query and what they stand for; the service makes the condition of a search
-- from them. It replaces search_words and matching_products, which releases
-- before this one still use. It finds the same, but
--
--   * corrects only words that no product on sale has,
--   * finds words that are similar to a misspelt one in product_words, which has
--     each word once, rather than in every product.

-- Whether a product on sale has the words. The planner may think that it finds
-- one soon by reading the table; if there is none, it reads all of it.
CREATE FUNCTION for_sale(lexemes tsquery) RETURNS boolean
    LANGUAGE sql STABLE SET enable_seqscan = off
    AS $$ SELECT EXISTS (SELECT FROM products WHERE document @@ lexemes AND NOT retired) $$;

-- The words on sale that differ from a word by two swapped neighbouring
-- letters. Words of 40 letters and more are not corrected.
CREATE FUNCTION swapped_back(word text) RETURNS tsquery
    LANGUAGE sql STABLE AS $$
        SELECT string_agg('(' || lexemes::text || ')', ' | ')::tsquery
        FROM generate_series(1, CASE WHEN length(word) < 40 THEN length(word) - 1 ELSE 0 END) AS i,
            prefix(overlay(word PLACING substr(word, i + 1, 1) || substr(word, i, 1) FROM i)) AS lexemes
        WHERE for_sale(lexemes)
    $$;

-- Every word that is or was in the name or a tag of a product. Words stay, so
-- that changes of products do not wait for each other.
CREATE TABLE product_words (
    word text COLLATE "C" PRIMARY KEY
);

CREATE FUNCTION add_product_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- In order, so that concurrent changes do not deadlock.
    INSERT INTO product_words
    SELECT DISTINCT word COLLATE "C" FROM changed, regexp_split_to_table(lower(words), '[^[:alnum:]]+') AS word
    WHERE word <> '' ORDER BY 1
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER products_added AFTER INSERT ON products
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION add_product_words();

CREATE TRIGGER products_changed AFTER UPDATE ON products
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION add_product_words();

INSERT INTO product_words
SELECT DISTINCT word FROM products, regexp_split_to_table(lower(words), '[^[:alnum:]]+') AS word WHERE word <> '';

-- similar_words(word) returns the words that are similar to a word, the most
-- similar first, as conditions on names and tags, and similarity_in(word, words) how similar it is to one of several
-- words, from 0 to 1.
DO $migration$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX product_words_similar ON product_words USING gin (word gin_trgm_ops);

        CREATE FUNCTION similar_words(asked text) RETURNS tsquery[]
            LANGUAGE sql STABLE
            SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off -- but a bitmap scan of the index above
            SET pg_trgm.strict_word_similarity_threshold = 0.38 AS $$
                SELECT array_agg((lexemes::text || ':AB')::tsquery ORDER BY similarity DESC, word)
                FROM (
                    SELECT word, strict_word_similarity(asked, word) AS similarity FROM product_words WHERE asked <<% word
                    ORDER BY similarity DESC, word LIMIT 50
                ) AS closest, plainto_tsquery('english', word) AS lexemes
                WHERE lexemes::text <> ''
            $$;

        -- A word that is there as it was written has the similarity 1, which is
        -- found out sooner than by trigrams.
        CREATE FUNCTION similarity_in(word text, words text) RETURNS real
            LANGUAGE sql IMMUTABLE PARALLEL SAFE
            RETURN CASE WHEN strpos(' ' || lower(words) || ' ', ' ' || word || ' ') > 0 THEN 1
                ELSE strict_word_similarity(word, words) END;
    ELSE
        CREATE FUNCTION similar_words(asked text) RETURNS tsquery[]
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN null::tsquery[];

        CREATE FUNCTION similarity_in(word text, words text) RETURNS real
            LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN 0::real;
    END IF;
END
$migration$;

-- The words of a query: as written, as a condition on documents, and, for a
-- word that no product on sale has and that could not be corrected, the words
-- that are similar to it.
CREATE FUNCTION search_terms(query text) RETURNS TABLE (word text, lexemes tsquery, similar_to tsquery[])
    LANGUAGE sql STABLE AS $$
        SELECT word, coalesce(corrected, asked),
            CASE WHEN NOT known AND corrected IS NULL AND length(word) > 3 THEN similar_words(word) END
        FROM (SELECT DISTINCT word FROM regexp_split_to_table(lower(query), '\s+') AS word) AS split
        CROSS JOIN LATERAL (SELECT prefix(word) AS asked OFFSET 0) AS a
        CROSS JOIN LATERAL (SELECT for_sale(asked) AS known OFFSET 0) AS k
        CROSS JOIN LATERAL (SELECT CASE WHEN NOT known THEN swapped_back(word) END AS corrected OFFSET 0) AS c
        WHERE asked IS NOT NULL
        ORDER BY word
    $$;

---- create above / drop below ----

DROP FUNCTION search_terms, similarity_in, similar_words;
DROP TRIGGER products_changed ON products;
DROP TRIGGER products_added ON products;
DROP FUNCTION add_product_words;
DROP TABLE product_words;
DROP FUNCTION swapped_back, for_sale;
