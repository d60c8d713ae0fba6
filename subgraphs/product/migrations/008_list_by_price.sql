---- tern: disable-tx ----
-- Lists by price that read an index only: it also has what filters compare and the
-- other orders sort by. Products with a tag, say, may be far apart in the order of
-- their prices, and reading each of the others would take longer.
-- An index that an interrupted run left behind is invalid.
SET lock_timeout = 0; -- building concurrently waits for transactions, and blocks nobody
DROP INDEX CONCURRENTLY IF EXISTS products_by_price;
CREATE INDEX CONCURRENTLY products_by_price ON products (currency, price_minor, id) INCLUDE (tags, retired, created_at, sort_name);
DROP INDEX CONCURRENTLY IF EXISTS products_price;

---- create above / drop below ----

CREATE INDEX products_price ON products (currency, price_minor, id);
DROP INDEX products_by_price;
