-- matching_products(query) returns the products that match every word of the
-- query, with their distance from it: 0 or more, smaller is better. A product
-- matches a word if it has the word or a word that starts with it. A word that
-- no product on sale has is treated as misspelt. If swapping two neighbouring
-- letters gives a known word, that word is used. Otherwise the word matches
-- names and tags that are similar to it by trigrams. The latter needs the
-- extension pg_trgm, which the owner of a database may create if the server
-- provides it. Without it, searches correct swapped letters only.

-- The tsquery for words that start with a word; null for a stop word ("the").
CREATE FUNCTION prefix(word text) RETURNS tsquery
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT (nullif(plainto_tsquery('english', word)::text, '') || ':*')::tsquery $$;

CREATE FUNCTION on_sale(lexemes tsquery) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$ SELECT EXISTS (SELECT FROM products WHERE document @@ lexemes AND NOT retired) $$;

-- The words on sale that differ from a word by two swapped neighbouring letters.
CREATE FUNCTION unswapped(word text) RETURNS tsquery
    LANGUAGE sql STABLE AS $$
        SELECT string_agg('(' || lexemes::text || ')', ' | ')::tsquery
        FROM generate_series(1, length(word) - 1) AS i,
            prefix(overlay(word PLACING substr(word, i + 1, 1) || substr(word, i, 1) FROM i)) AS lexemes
        WHERE on_sale(lexemes)
    $$;

-- The words of a query, corrected where possible. Unknown words are those that
-- no product on sale has and that could not be corrected.
CREATE FUNCTION search_words(query text) RETURNS TABLE (word text, lexemes tsquery, unknown boolean)
    LANGUAGE sql STABLE AS $$
        SELECT word, coalesce(corrected, asked), NOT known AND corrected IS NULL AND length(word) > 3
        FROM (SELECT DISTINCT word FROM regexp_split_to_table(lower(query), '\s+') AS word) AS split
        CROSS JOIN prefix(word) AS asked
        CROSS JOIN on_sale(asked) AS known
        LEFT JOIN unswapped(word) AS corrected ON NOT known
        WHERE asked IS NOT NULL
    $$;

DO $migration$
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    EXCEPTION WHEN undefined_file OR feature_not_supported OR insufficient_privilege THEN
        RAISE WARNING 'cannot create the extension pg_trgm (%): searches correct few typing errors', SQLERRM;
    END;

    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX products_words ON products USING gin (words gin_trgm_ops);

        CREATE FUNCTION matching_products(query text) RETURNS TABLE (id bigint, distance bigint)
            LANGUAGE sql STABLE SET pg_trgm.strict_word_similarity_threshold = 0.38 AS $$
                WITH asked AS MATERIALIZED (SELECT * FROM search_words(query))
                SELECT p.id, (1000000 * sum(
                    2 - ts_rank(p.document, lexemes) - 0.5 * strict_word_similarity(word, p.words)
                ))::bigint
                FROM asked JOIN products p ON p.document @@ lexemes OR (unknown AND word <<% p.words)
                GROUP BY p.id HAVING count(*) = (SELECT count(*) FROM asked)
            $$;
    ELSE
        CREATE FUNCTION matching_products(query text) RETURNS TABLE (id bigint, distance bigint)
            LANGUAGE sql STABLE AS $$
                WITH asked AS MATERIALIZED (SELECT * FROM search_words(query))
                SELECT p.id, (1000000 * sum(2 - ts_rank(p.document, lexemes)))::bigint
                FROM asked JOIN products p ON p.document @@ lexemes
                GROUP BY p.id HAVING count(*) = (SELECT count(*) FROM asked)
            $$;
    END IF;
END
$migration$;

---- create above / drop below ----

DROP FUNCTION matching_products, search_words, unswapped, on_sale, prefix;
DROP INDEX IF EXISTS products_words;
