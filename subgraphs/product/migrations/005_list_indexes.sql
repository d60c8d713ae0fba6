---- tern: disable-tx ----
-- Lists of a category in each order, and searches for the beginning of a SKU.
-- An index that an interrupted run left behind is invalid.
SET lock_timeout = 0; -- building concurrently waits for transactions, and blocks nobody
DROP INDEX CONCURRENTLY IF EXISTS products_category_name;
CREATE INDEX CONCURRENTLY products_category_name ON products (category, sort_name, id);
DROP INDEX CONCURRENTLY IF EXISTS products_category_price;
CREATE INDEX CONCURRENTLY products_category_price ON products (category, currency, price_minor, id);
DROP INDEX CONCURRENTLY IF EXISTS products_sku_prefix;
CREATE INDEX CONCURRENTLY products_sku_prefix ON products (sku text_pattern_ops);

---- create above / drop below ----

DROP INDEX products_sku_prefix, products_category_price, products_category_name;
