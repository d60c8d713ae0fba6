-- Searches for frequent words in large catalogues. asked_words(query) replaces
-- search_terms, which releases before this one still use. It finds out that a
-- frequent word is known without reading all of its entries in the index, and it
-- returns how similar the words are that a misspelt one stands for.

-- Whether a product on sale has the words. Frequent words are in one of the
-- newest products. Others have few entries in the index.
CREATE FUNCTION is_offered(lexemes tsquery) RETURNS boolean
    LANGUAGE sql STABLE AS $$
        SELECT CASE WHEN EXISTS (
                SELECT FROM (SELECT document, retired FROM products ORDER BY id DESC LIMIT 200) newest
                WHERE document @@ lexemes AND NOT retired
            ) THEN true ELSE for_sale(lexemes) END
    $$;

-- The words in names and tags that are similar to a word, most similar first:
-- those that are nearly as similar as the first.
DO $migration$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        CREATE FUNCTION closest_words(asked text) RETURNS TABLE (word text, similarity real)
            LANGUAGE sql STABLE
            SET enable_seqscan = off SET enable_indexscan = off SET enable_indexonlyscan = off -- but a bitmap scan of product_words_similar
            SET pg_trgm.strict_word_similarity_threshold = 0.38 AS $$
                SELECT word, similarity
                FROM (
                    SELECT word, similarity, max(similarity) OVER () AS highest
                    FROM (SELECT word, strict_word_similarity(asked, word) AS similarity FROM product_words WHERE asked <<% word) AS s
                ) AS near
                WHERE similarity >= highest - 0.1
                ORDER BY similarity DESC, word LIMIT 50
            $$;
    ELSE
        CREATE FUNCTION closest_words(asked text) RETURNS TABLE (word text, similarity real)
            LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT '', 0::real WHERE false $$;
    END IF;
END
$migration$;

-- The words of a query: as written, and as a condition on documents. A word that
-- no product on sale has and that no swap corrects also stands for the closest
-- words in names and tags.
CREATE FUNCTION asked_words(query text) RETURNS TABLE (word text, lexemes tsquery, closest text[], similarity real[])
    LANGUAGE sql STABLE AS $$
        SELECT word,
            CASE WHEN similar_to IS NULL THEN coalesce(corrected, asked) ELSE asked || similar_to END,
            closest, similarity
        FROM (SELECT DISTINCT word FROM regexp_split_to_table(lower(query), '\s+') AS word) AS split
        CROSS JOIN LATERAL (SELECT prefix(word) AS asked OFFSET 0) AS a
        CROSS JOIN LATERAL (SELECT is_offered(asked) AS known OFFSET 0) AS k
        CROSS JOIN LATERAL (SELECT CASE WHEN NOT known THEN swapped_back(word) END AS corrected OFFSET 0) AS c
        CROSS JOIN LATERAL (
            SELECT array_agg(w.word ORDER BY w.similarity DESC, w.word) AS closest,
                array_agg(w.similarity ORDER BY w.similarity DESC, w.word) AS similarity,
                string_agg(lexeme::text || ':AB', ' | ')::tsquery AS similar_to
            FROM closest_words(split.word) AS w, plainto_tsquery('english', w.word) AS lexeme
            WHERE NOT known AND corrected IS NULL AND length(split.word) > 3 AND lexeme::text <> ''
        ) AS s
        WHERE asked IS NOT NULL
        ORDER BY word
    $$;

---- create above / drop below ----

DROP FUNCTION asked_words, closest_words, is_offered;
