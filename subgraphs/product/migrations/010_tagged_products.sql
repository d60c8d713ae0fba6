---- tern: disable-tx ----
-- Lists of the products with a tag by price read an index: the one of tags has no
-- order, and that of prices has no tags. A change of a product changes its entries.
--
-- An interrupted run is repeated.
SET lock_timeout = '1s'; -- a migration before may have set it
CREATE TABLE IF NOT EXISTS tagged_products (
    tag text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    price_minor bigint NOT NULL,
    product_id bigint NOT NULL,
    PRIMARY KEY (tag, currency, price_minor, product_id)
);

CREATE OR REPLACE FUNCTION add_tagged_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO tagged_products
    SELECT tag, currency, price_minor, id FROM added, unnest(tags) AS tag
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION remove_tagged_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tagged_products AS t USING removed, unnest(removed.tags) AS former
    WHERE (t.tag, t.currency, t.price_minor, t.product_id) = (former, removed.currency, removed.price_minor, removed.id);
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION change_tagged_products() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM tagged_products AS t USING removed JOIN added USING (id), unnest(removed.tags) AS former
    WHERE (removed.tags, removed.currency, removed.price_minor) <> (added.tags, added.currency, added.price_minor)
        AND (t.tag, t.currency, t.price_minor, t.product_id) = (former, removed.currency, removed.price_minor, id);

    INSERT INTO tagged_products
    SELECT tag, added.currency, added.price_minor, id FROM removed JOIN added USING (id), unnest(added.tags) AS tag
    WHERE (removed.tags, removed.currency, removed.price_minor) <> (added.tags, added.currency, added.price_minor)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE OR REPLACE TRIGGER products_tagged AFTER INSERT ON products
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION add_tagged_products();

CREATE OR REPLACE TRIGGER products_untagged AFTER DELETE ON products
    REFERENCING OLD TABLE AS removed
    FOR EACH STATEMENT EXECUTE FUNCTION remove_tagged_products();

CREATE OR REPLACE TRIGGER products_retagged AFTER UPDATE ON products
    REFERENCING OLD TABLE AS removed NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION change_tagged_products();

-- Products from before. A change of one waits for the entries of a few thousand.
SET lock_timeout = 0; -- locks a few rows at a time
DO $$
DECLARE
    after bigint := 0;
    last bigint;
BEGIN
    LOOP
        WITH part AS (
            SELECT id, tags, currency, price_minor FROM products WHERE id > after ORDER BY id LIMIT 5000 FOR SHARE
        ), entries AS (
            INSERT INTO tagged_products
            SELECT tag, currency, price_minor, id FROM part, unnest(tags) AS tag
            ON CONFLICT DO NOTHING
        )
        SELECT max(id) INTO last FROM part;
        EXIT WHEN last IS NULL;
        after := last;
        COMMIT;
    END LOOP;
END
$$;

ANALYZE tagged_products;

---- create above / drop below ----

DROP TRIGGER products_retagged ON products;
DROP TRIGGER products_untagged ON products;
DROP TRIGGER products_tagged ON products;
DROP FUNCTION change_tagged_products, remove_tagged_products, add_tagged_products;
DROP TABLE tagged_products;
