-- matching_products(query) gives the products in which every word of the query
-- is found, with a score: higher is better. A word is found where it or a word
-- that begins with it is. A word that is nowhere in the catalogue is taken for
-- a typing error and found where a name or tag has one much like it, which
-- needs pg_trgm. Any owner of a database may create that extension where the
-- server has it; where it does not, misspelt words find nothing.
DO $migration$
BEGIN
    BEGIN
        CREATE EXTENSION IF NOT EXISTS pg_trgm;
    EXCEPTION WHEN undefined_file OR feature_not_supported OR insufficient_privilege THEN
        RAISE WARNING 'pg_trgm cannot be created (%): searches will not forgive typing errors', SQLERRM;
    END;

    -- The words of a query as prefix queries. Stop words ("the") say nothing.
    CREATE FUNCTION search_words(query text) RETURNS TABLE (word text, lexemes tsquery)
        LANGUAGE sql STABLE AS $$
            SELECT word, (plainto_tsquery('english', word)::text || ':*')::tsquery
            FROM (SELECT DISTINCT word FROM regexp_split_to_table(lower(query), '\s+') AS word) AS split
            WHERE numnode(plainto_tsquery('english', word)) > 0
        $$;

    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE INDEX products_words ON products USING gin (words gin_trgm_ops);

        -- 0.4 is near enough for two letters swapped in a word of six.
        CREATE FUNCTION matching_products(query text) RETURNS TABLE (id bigint, score bigint)
            LANGUAGE sql STABLE SET pg_trgm.word_similarity_threshold = 0.4 AS $$
                WITH asked AS MATERIALIZED (
                    SELECT word, lexemes, NOT EXISTS (
                        SELECT FROM products p WHERE p.document @@ lexemes AND NOT p.retired
                    ) AND length(word) > 3 AS misspelt
                    FROM search_words(query)
                )
                SELECT p.id, (1000000 * sum(
                    ts_rank(p.document, lexemes) + 0.5 * word_similarity(word, p.words)
                ))::bigint
                FROM asked JOIN products p ON p.document @@ lexemes OR (misspelt AND word <% p.words)
                GROUP BY p.id HAVING count(*) = (SELECT count(*) FROM asked)
            $$;
    ELSE
        CREATE FUNCTION matching_products(query text) RETURNS TABLE (id bigint, score bigint)
            LANGUAGE sql STABLE AS $$
                WITH asked AS MATERIALIZED (SELECT word, lexemes FROM search_words(query))
                SELECT p.id, (1000000 * sum(ts_rank(p.document, lexemes)))::bigint
                FROM asked JOIN products p ON p.document @@ lexemes
                GROUP BY p.id HAVING count(*) = (SELECT count(*) FROM asked)
            $$;
    END IF;
END
$migration$;

---- create above / drop below ----

DROP FUNCTION matching_products;
DROP FUNCTION search_words;
DROP INDEX IF EXISTS products_words;
