---- tern: disable-tx ----
-- Lists of products in a range of prices that read an index only: it also has what
-- the other orders sort by. Tags do not fit: an entry has at most 2,704 bytes.
-- An index that an interrupted run left behind is invalid.

-- Sort names end after 100 characters, so that cursors that contain them are short.
UPDATE products SET sort_name = left(sort_name, 100) WHERE length(sort_name) > 100;

SET lock_timeout = 0; -- building concurrently waits for transactions, and blocks nobody
DROP INDEX CONCURRENTLY IF EXISTS products_by_price;
CREATE INDEX CONCURRENTLY products_by_price ON products (currency, price_minor, id) INCLUDE (retired, created_at, sort_name);
DROP INDEX CONCURRENTLY IF EXISTS products_price;

---- create above / drop below ----

CREATE INDEX products_price ON products (currency, price_minor, id);
DROP INDEX products_by_price;
