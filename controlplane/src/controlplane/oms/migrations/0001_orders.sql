-- Prices are Price(4) integers (1/10,000 dollar), quantities shares, notionals, cost and profit Price(4) x shares,
-- *_ns nanoseconds. One order-entry account per host: (host, session, user_ref_num) names an order at the venue.

CREATE TABLE sources (
    host text NOT NULL,
    role text NOT NULL,
    epoch bigint NOT NULL,
    applied_sequence bigint NOT NULL,   -- every event up to here is in orders, fills and positions
    highest_sequence bigint NOT NULL,   -- more than applied_sequence: a gap, what follows it is held back
    updated_ns bigint NOT NULL,
    position_mismatches bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (host, role)
);

CREATE TABLE order_events (
    host text NOT NULL,
    role text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    stream_sequence bigint NOT NULL,
    wall_ns bigint NOT NULL,
    kind text NOT NULL,
    session text NOT NULL,
    user_ref_num bigint NOT NULL,
    orig_user_ref_num bigint NOT NULL,
    strategy_epoch bigint NOT NULL,
    order_id bigint NOT NULL,
    body json NOT NULL,
    PRIMARY KEY (host, role, epoch, sequence)
);
CREATE INDEX order_events_by_sequence ON order_events (host, role, sequence, epoch);
CREATE INDEX order_events_by_number ON order_events (host, session, user_ref_num) WHERE user_ref_num > 0;
CREATE INDEX order_events_by_origin ON order_events (host, session, orig_user_ref_num) WHERE orig_user_ref_num > 0;
CREATE INDEX order_events_by_order_id ON order_events (host, strategy_epoch, order_id) WHERE order_id > 0;

CREATE TABLE orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host text NOT NULL,
    session text NOT NULL,              -- empty for orders refused before they left the host
    user_ref_num bigint NOT NULL,       -- 0 for those
    strategy_epoch bigint NOT NULL,
    order_id bigint NOT NULL,
    orig_user_ref_num bigint NOT NULL,
    replaced_by bigint NOT NULL,
    cl_ord_id text NOT NULL,
    order_reference_number bigint NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    time_in_force text NOT NULL,
    flags integer NOT NULL,
    price bigint NOT NULL,
    quantity bigint NOT NULL,           -- total of the replace chain
    leaves bigint NOT NULL,
    filled bigint NOT NULL,             -- of the replace chain
    executed bigint NOT NULL,           -- under this number alone
    executed_notional bigint NOT NULL,
    canceled bigint NOT NULL,           -- shares taken off under this number
    state text NOT NULL,
    accepted boolean NOT NULL,          -- the venue confirmed it
    reason text NOT NULL,
    first_sequence bigint NOT NULL,
    last_epoch bigint NOT NULL,
    last_sequence bigint NOT NULL,
    last_venue_sequence bigint NOT NULL,
    created_ns bigint NOT NULL,
    updated_ns bigint NOT NULL
);
CREATE UNIQUE INDEX orders_by_number ON orders (host, session, user_ref_num) WHERE user_ref_num > 0;
CREATE UNIQUE INDEX orders_by_refusal ON orders (host, strategy_epoch, order_id) WHERE user_ref_num = 0;
CREATE INDEX orders_by_order_id ON orders (host, strategy_epoch, order_id);
CREATE INDEX orders_open ON orders (id)
    WHERE state IN ('PENDING_NEW', 'LIVE', 'PENDING_REPLACE', 'PENDING_CANCEL', 'UNKNOWN');

CREATE TABLE fills (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,     -- in the order of application
    host text NOT NULL,
    session text NOT NULL,
    user_ref_num bigint NOT NULL,
    match_number bigint NOT NULL,
    symbol text NOT NULL,
    side text NOT NULL,
    price bigint NOT NULL,
    quantity bigint NOT NULL,
    realised bigint NOT NULL,           -- profit this fill realised when it was applied
    venue_ns bigint NOT NULL,
    wall_ns bigint NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    broken boolean NOT NULL DEFAULT false,
    UNIQUE (host, session, user_ref_num, match_number)
);
CREATE INDEX fills_by_symbol ON fills (host, symbol, id);

CREATE TABLE positions (
    host text NOT NULL,
    symbol text NOT NULL,
    quantity bigint NOT NULL,
    cost bigint NOT NULL,
    realised bigint NOT NULL,
    bought bigint NOT NULL,
    sold bigint NOT NULL,
    bought_notional bigint NOT NULL,
    sold_notional bigint NOT NULL,
    fills bigint NOT NULL,
    updated_ns bigint NOT NULL,
    PRIMARY KEY (host, symbol)
);

-- what must not pass unseen: events that contradict others or cannot be used, and gaps a person accepted
CREATE TABLE incidents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    stream_sequence bigint NOT NULL,
    host text NOT NULL,
    role text NOT NULL,
    epoch bigint NOT NULL,
    sequence bigint NOT NULL,
    detail text NOT NULL,
    payload bytea,
    at timestamptz NOT NULL DEFAULT now(),
    acknowledged_by text,
    acknowledged_reason text,
    acknowledged_at timestamptz,
    UNIQUE (kind, stream_sequence, host, role, epoch, sequence)
);
CREATE INDEX incidents_open ON incidents (id) WHERE acknowledged_at IS NULL;
