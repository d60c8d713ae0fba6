-- A search corrects at most eight words. To correct one takes up to 30 ms in a large
-- catalogue, and a search may have a hundred.
CREATE OR REPLACE FUNCTION asked_words(query text) RETURNS TABLE (word text, lexemes tsquery, closest text[], similarity real[])
    LANGUAGE sql STABLE AS $$
        SELECT word,
            CASE WHEN similar_to IS NULL THEN coalesce(corrected, asked) ELSE asked || similar_to END,
            closest, similarity
        FROM (
            SELECT word, asked, NOT known AND row_number() OVER (PARTITION BY known ORDER BY word) <= 8 AS misspelt
            FROM (SELECT DISTINCT word FROM regexp_split_to_table(lower(query), '\s+') AS word) AS words
            CROSS JOIN LATERAL (SELECT prefix(word) AS asked OFFSET 0) AS a
            CROSS JOIN LATERAL (SELECT is_offered(asked) AS known OFFSET 0) AS k
            WHERE asked IS NOT NULL
        ) AS split
        CROSS JOIN LATERAL (SELECT CASE WHEN misspelt THEN swapped_back(word) END AS corrected OFFSET 0) AS c
        CROSS JOIN LATERAL (
            SELECT array_agg(w.word ORDER BY w.similarity DESC, w.word) AS closest,
                array_agg(w.similarity ORDER BY w.similarity DESC, w.word) AS similarity,
                string_agg(lexeme::text || ':AB', ' | ')::tsquery AS similar_to
            FROM closest_words(split.word) AS w, plainto_tsquery('english', w.word) AS lexeme
            WHERE misspelt AND corrected IS NULL AND length(split.word) > 3 AND lexeme::text <> ''
        ) AS s
        ORDER BY word
    $$;

---- create above / drop below ----

CREATE OR REPLACE FUNCTION asked_words(query text) RETURNS TABLE (word text, lexemes tsquery, closest text[], similarity real[])
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
