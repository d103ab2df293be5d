"""Golden vectors: one group of hex digits per field, in the order that the comment above it names.

Assembled field by field from the layout tables of the specifications, without the code under test.
"""

from hotpath.protocols import itch, ouch

ITCH: list[tuple[str, itch.Message]] = [
    # type, stock_locate, tracking_number, timestamp_ns, event_code
    (
        "53 0000 0001 16eb550c6000 51",
        itch.SystemEvent(stock_locate=0, tracking_number=1, timestamp_ns=25200000000000, event_code="Q"),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, market_category, financial_status,
    #   round_lot_size, round_lots_only, issue_classification, issue_sub_type, authenticity,
    #   short_sale_threshold, ipo_flag, luld_tier, etp_flag, etp_leverage_factor, inverse_indicator
    (
        "52 002a 0002 16eb550c6001 4141504c20202020 51 4e 00000064 4e 43 5a20 50 4e 20 31 4e 00000003 59",
        itch.StockDirectory(
            stock_locate=42,
            tracking_number=2,
            timestamp_ns=25200000000001,
            stock="AAPL",
            market_category="Q",
            financial_status="N",
            round_lot_size=100,
            round_lots_only="N",
            issue_classification="C",
            issue_sub_type="Z",
            authenticity="P",
            short_sale_threshold="N",
            ipo_flag=" ",
            luld_tier="1",
            etp_flag="N",
            etp_leverage_factor=3,
            inverse_indicator="Y",
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, trading_state, reserved, reason
    (
        "48 002a 0003 16eb550c6002 4141504c20202020 54 20 54332020",
        itch.StockTradingAction(
            stock_locate=42,
            tracking_number=3,
            timestamp_ns=25200000000002,
            stock="AAPL",
            trading_state="T",
            reserved=" ",
            reason="T3",
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, reg_sho_action
    (
        "59 002a 0004 16eb550c6003 4141504c20202020 31",
        itch.RegShoRestriction(
            stock_locate=42, tracking_number=4, timestamp_ns=25200000000003, stock="AAPL", reg_sho_action="1"
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, mpid, stock, primary_market_maker, market_maker_mode,
    #   participant_state
    (
        "4c 002a 0005 16eb550c6004 4d4b5458 4141504c20202020 59 4e 41",
        itch.MarketParticipantPosition(
            stock_locate=42,
            tracking_number=5,
            timestamp_ns=25200000000004,
            mpid="MKTX",
            stock="AAPL",
            primary_market_maker="Y",
            market_maker_mode="N",
            participant_state="A",
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, level1, level2, level3
    (
        "56 0000 0006 16eb550c6005 0000005f4b2af6c0 00000059256d2800 00000051f99a7400",
        itch.MwcbDeclineLevel(
            stock_locate=0,
            tracking_number=6,
            timestamp_ns=25200000000005,
            level1=409283000000,
            level2=382880000000,
            level3=352080000000,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, breached_level
    (
        "57 0000 0007 1f1aced9f07b 31",
        itch.MwcbStatus(stock_locate=0, tracking_number=7, timestamp_ns=34200000000123, breached_level="1"),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, release_time_s, release_qualifier, ipo_price
    (
        "4b 0000 0008 1f1aced9f07b 4e4557434f202020 0000972c 41 000347d8",
        itch.IpoQuotingPeriod(
            stock_locate=0,
            tracking_number=8,
            timestamp_ns=34200000000123,
            stock="NEWCO",
            release_time_s=38700,
            release_qualifier="A",
            ipo_price=215000,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, reference_price, upper_price, lower_price,
    #   extension
    (
        "4a 002a 0009 1f1aced9f07b 4141504c20202020 0016e360 00180858 0015be68 00000002",
        itch.LuldAuctionCollar(
            stock_locate=42,
            tracking_number=9,
            timestamp_ns=34200000000123,
            stock="AAPL",
            reference_price=1500000,
            upper_price=1575000,
            lower_price=1425000,
            extension=2,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, market_code, action
    (
        "68 002a 000a 1f1aced9f07b 4141504c20202020 51 48",
        itch.OperationalHalt(
            stock_locate=42, tracking_number=10, timestamp_ns=34200000000123, stock="AAPL", market_code="Q", action="H"
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, order_ref, side, shares, stock, price
    (
        "41 002a 0003 1f1aced9f07b 00000000075bcd15 42 00000064 4141504c20202020 0016ed24",
        itch.AddOrder(
            stock_locate=42,
            tracking_number=3,
            timestamp_ns=34200000000123,
            order_ref=123456789,
            side="B",
            shares=100,
            stock="AAPL",
            price=1502500,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, order_ref, side, shares, stock, price, attribution
    (
        "46 002a 000b 1f1aced9f07b fedcba9876543210 53 000000fa 474f4f474c202020 77359400 4d4d5820",
        itch.AddOrderAttributed(
            stock_locate=42,
            tracking_number=11,
            timestamp_ns=34200000000123,
            order_ref=18364758544493064720,
            side="S",
            shares=250,
            stock="GOOGL",
            price=2000000000,
            attribution="MMX",
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, order_ref, executed_shares, match_number
    (
        "45 002a 0004 1f1acee932bb 00000000075bcd15 00000028 000000003ade68b1",
        itch.OrderExecuted(
            stock_locate=42,
            tracking_number=4,
            timestamp_ns=34200001000123,
            order_ref=123456789,
            executed_shares=40,
            match_number=987654321,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, order_ref, executed_shares, match_number, printable,
    #   execution_price
    (
        "43 002a 000c 1f1aced9f07b 00000000075bcd15 0000000f 000000003ade68b2 4e 0016ecf2",
        itch.OrderExecutedWithPrice(
            stock_locate=42,
            tracking_number=12,
            timestamp_ns=34200000000123,
            order_ref=123456789,
            executed_shares=15,
            match_number=987654322,
            printable="N",
            execution_price=1502450,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, order_ref, cancelled_shares
    (
        "58 002a 000d 1f1aced9f07b 00000000075bcd15 00000019",
        itch.OrderCancel(
            stock_locate=42, tracking_number=13, timestamp_ns=34200000000123, order_ref=123456789, cancelled_shares=25
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, order_ref
    (
        "44 002a 0006 1f1acf07b73b 00000000075bcde7",
        itch.OrderDelete(stock_locate=42, tracking_number=6, timestamp_ns=34200003000123, order_ref=123456999),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, original_order_ref, new_order_ref, shares, price
    (
        "55 002a 0005 1f1acef874fb 00000000075bcd15 00000000075bcde7 0000003c 0016ecc0",
        itch.OrderReplace(
            stock_locate=42,
            tracking_number=5,
            timestamp_ns=34200002000123,
            original_order_ref=123456789,
            new_order_ref=123456999,
            shares=60,
            price=1502400,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, order_ref, side, shares, stock, price, match_number
    (
        "50 002a 000e 1f1aced9f07b 0000000000000000 42 000001f4 4141504c20202020 0016ecf2 000000003ade68b3",
        itch.Trade(
            stock_locate=42,
            tracking_number=14,
            timestamp_ns=34200000000123,
            order_ref=0,
            side="B",
            shares=500,
            stock="AAPL",
            price=1502450,
            match_number=987654323,
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, shares, stock, cross_price, match_number, cross_type
    (
        "51 002a 000f 1f1aced9f07b 000000012a05f200 4141504c20202020 0016eb30 000000003ade68b4 4f",
        itch.CrossTrade(
            stock_locate=42,
            tracking_number=15,
            timestamp_ns=34200000000123,
            shares=5000000000,
            stock="AAPL",
            cross_price=1502000,
            match_number=987654324,
            cross_type="O",
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, match_number
    (
        "42 002a 0010 1f1aced9f07b 000000003ade68b1",
        itch.BrokenTrade(stock_locate=42, tracking_number=16, timestamp_ns=34200000000123, match_number=987654321),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, paired_shares, imbalance_shares, imbalance_direction,
    #   stock, far_price, near_price, current_reference_price, cross_type, price_variation
    (
        (
            "49 002a 0011 1efede4b4000 0000000000124f80 00000000000086c4 53 4141504c20202020 0016deb0 0016e3c4 "
            "0016e748 4f 4c"
        ),
        itch.NetOrderImbalance(
            stock_locate=42,
            tracking_number=17,
            timestamp_ns=34080000000000,
            paired_shares=1200000,
            imbalance_shares=34500,
            imbalance_direction="S",
            stock="AAPL",
            far_price=1498800,
            near_price=1500100,
            current_reference_price=1501000,
            cross_type="O",
            price_variation="L",
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, interest_flag
    (
        "4e 002a 0012 1f1aced9f07b 4141504c20202020 41",
        itch.RetailInterest(
            stock_locate=42, tracking_number=18, timestamp_ns=34200000000123, stock="AAPL", interest_flag="A"
        ),
    ),
    # type, stock_locate, tracking_number, timestamp_ns, stock, open_eligibility, min_allowable_price,
    #   max_allowable_price, near_execution_price, near_execution_time, lower_collar, upper_collar
    (
        "4f 002a 0013 1f1aced9f07b 4e4557434f202020 59 00027100 00057e40 0003af5c 000020bde7364000 000350d4 00040de4",
        itch.PriceDiscovery(
            stock_locate=42,
            tracking_number=19,
            timestamp_ns=34200000000123,
            stock="NEWCO",
            open_eligibility="Y",
            min_allowable_price=160000,
            max_allowable_price=360000,
            near_execution_price=241500,
            near_execution_time=36000000000000,
            lower_collar=217300,
            upper_collar=265700,
        ),
    ),
]

OUCH_INBOUND: list[tuple[str, ouch.InboundMessage]] = [
    # type, user_ref_num, side, quantity, symbol, price, time_in_force, display, capacity, iso_eligibility,
    #   cross_type, cl_ord_id, appendage_length, elements
    (
        (
            "4f 00000001 42 00000064 4141504c20202020 000000000016ed24 30 59 41 4e 4e "
            "4f52442d31202020202020202020 0003 020c50"
        ),
        ouch.EnterOrder(
            user_ref_num=1,
            side="B",
            quantity=100,
            symbol="AAPL",
            price=1502500,
            time_in_force="0",
            display="Y",
            capacity="A",
            iso_eligibility="N",
            cross_type="N",
            cl_ord_id="ORD-1",
            options=ouch.Options(post_only="P"),
        ),
    ),
    # type, orig_user_ref_num, user_ref_num, quantity, price, time_in_force, display, iso_eligibility,
    #   cl_ord_id, appendage_length
    (
        "55 00000001 00000002 000001f4 000000000016ecc0 33 4e 59 4f52442d32202020202020202020 0000",
        ouch.ReplaceOrder(
            orig_user_ref_num=1,
            user_ref_num=2,
            quantity=500,
            price=1502400,
            time_in_force="3",
            display="N",
            iso_eligibility="Y",
            cl_ord_id="ORD-2",
            options=ouch.Options(),
        ),
    ),
    # type, user_ref_num, quantity
    (
        "58 00000002 00000000",
        ouch.CancelOrder(user_ref_num=2, quantity=0),
    ),
    # type, user_ref_num, quantity, appendage_length
    (
        "58 00000002 00000032 0000",
        ouch.CancelOrder(user_ref_num=2, quantity=50, options=ouch.Options()),
    ),
    # type, user_ref_num, side, quantity, appendage_length, elements
    (
        "4d 00000002 54 0000004b 0009 021959051a4c4f4342",
        ouch.ModifyOrder(
            user_ref_num=2, side="T", quantity=75, options=ouch.Options(shares_located="Y", locate_broker="LOCB")
        ),
    ),
    # type, user_ref_num, firm, symbol, appendage_length, elements
    (
        "43 00000003 49524f4e 2020202020202020 0007 021b5303180007",
        ouch.MassCancel(user_ref_num=3, firm="IRON", symbol="", options=ouch.Options(side="S", group_id=7)),
    ),
    # type, user_ref_num, firm, appendage_length
    (
        "44 00000004 49524f4e 0000",
        ouch.DisableOrderEntry(user_ref_num=4, firm="IRON", options=ouch.Options()),
    ),
    # type, user_ref_num, firm, appendage_length
    (
        "45 00000005 49524f4e 0000",
        ouch.EnableOrderEntry(user_ref_num=5, firm="IRON", options=ouch.Options()),
    ),
    # type
    (
        "51",
        ouch.AccountQuery(),
    ),
    # type, appendage_length, elements
    (
        "51 0003 021c05",
        ouch.AccountQuery(options=ouch.Options(user_ref_index=5)),
    ),
]

OUCH_OUTBOUND: list[tuple[str, ouch.OutboundMessage]] = [
    # type, timestamp_ns, event_code
    (
        "53 00001f1aced9f07b 53",
        ouch.SystemEvent(timestamp_ns=34200000000123, event_code="S"),
    ),
    # type, timestamp_ns, user_ref_num, side, quantity, symbol, price, time_in_force, display,
    #   order_reference_number, capacity, iso_eligibility, cross_type, order_state, cl_ord_id, appendage_length,
    #   elements
    (
        (
            "41 00001f1aced9f07b 00000001 42 00000064 4141504c20202020 000000000016ed24 30 59 00000000075bcd15 41 "
            "4e 4e 4c 4f52442d31202020202020202020 0003 020c50"
        ),
        ouch.OrderAccepted(
            timestamp_ns=34200000000123,
            user_ref_num=1,
            side="B",
            quantity=100,
            symbol="AAPL",
            price=1502500,
            time_in_force="0",
            display="Y",
            order_reference_number=123456789,
            capacity="A",
            iso_eligibility="N",
            cross_type="N",
            order_state="L",
            cl_ord_id="ORD-1",
            options=ouch.Options(post_only="P"),
        ),
    ),
    # type, timestamp_ns, orig_user_ref_num, user_ref_num, side, quantity, symbol, price, time_in_force,
    #   display, order_reference_number, capacity, iso_eligibility, cross_type, order_state, cl_ord_id,
    #   appendage_length
    (
        (
            "55 00001f1aced9f07b 00000001 00000002 42 00000190 4141504c20202020 000000000016ed24 30 59 "
            "00000000075bcde7 41 4e 4e 4c 4f52442d32202020202020202020 0000"
        ),
        ouch.OrderReplaced(
            timestamp_ns=34200000000123,
            orig_user_ref_num=1,
            user_ref_num=2,
            side="B",
            quantity=400,
            symbol="AAPL",
            price=1502500,
            time_in_force="0",
            display="Y",
            order_reference_number=123456999,
            capacity="A",
            iso_eligibility="N",
            cross_type="N",
            order_state="L",
            cl_ord_id="ORD-2",
            options=ouch.Options(),
        ),
    ),
    # type, timestamp_ns, user_ref_num, quantity, reason
    (
        "43 00001f1aced9f07b 00000002 00000190 55",
        ouch.OrderCanceled(timestamp_ns=34200000000123, user_ref_num=2, quantity=400, reason="U"),
    ),
    # type, timestamp_ns, user_ref_num, quantity, reason, appendage_length, elements
    (
        "43 00001f1aced9f07b 00000002 00000001 49 0003 021c05",
        ouch.OrderCanceled(
            timestamp_ns=34200000000123, user_ref_num=2, quantity=1, reason="I", options=ouch.Options(user_ref_index=5)
        ),
    ),
    # type, timestamp_ns, user_ref_num, decrement_shares, reason, quantity_prevented, execution_price,
    #   liquidity_flag, aiq_strategy
    (
        "44 00001f1aced9f07b 00000002 0000001e 51 00000014 000000000016ed24 41 4f",
        ouch.AiqCanceled(
            timestamp_ns=34200000000123,
            user_ref_num=2,
            decrement_shares=30,
            reason="Q",
            quantity_prevented=20,
            execution_price=1502500,
            liquidity_flag="A",
            aiq_strategy="O",
        ),
    ),
    # type, timestamp_ns, user_ref_num, quantity, price, liquidity_flag, match_number, appendage_length
    (
        "45 00001f1aced9f07b 00000001 00000028 000000000016ed24 41 000000003ade68b1 0000",
        ouch.OrderExecuted(
            timestamp_ns=34200000000123,
            user_ref_num=1,
            quantity=40,
            price=1502500,
            liquidity_flag="A",
            match_number=987654321,
            options=ouch.Options(),
        ),
    ),
    # type, timestamp_ns, user_ref_num, match_number, reason, cl_ord_id
    (
        "42 00001f1aced9f07b 00000001 000000003ade68b1 45 4f52442d31202020202020202020",
        ouch.BrokenTrade(
            timestamp_ns=34200000000123, user_ref_num=1, match_number=987654321, reason="E", cl_ord_id="ORD-1"
        ),
    ),
    # type, timestamp_ns, user_ref_num, reason, cl_ord_id
    (
        "4a 00001f1aced9f07b 00000006 0017 4f52442d36202020202020202020",
        ouch.Rejected(timestamp_ns=34200000000123, user_ref_num=6, reason=23, cl_ord_id="ORD-6"),
    ),
    # type, timestamp_ns, user_ref_num, price, display, order_reference_number
    (
        "54 00001f1aced9f07b 00000001 000000000016ed88 59 00000000075bcde8",
        ouch.PriorityUpdate(
            timestamp_ns=34200000000123, user_ref_num=1, price=1502600, display="Y", order_reference_number=123457000
        ),
    ),
    # type, timestamp_ns, user_ref_num, side, quantity
    (
        "4d 00001f1aced9f07b 00000002 45 0000004b",
        ouch.OrderModified(timestamp_ns=34200000000123, user_ref_num=2, side="E", quantity=75),
    ),
    # type, timestamp_ns, user_ref_num, reason, appendage_length, elements
    (
        "52 00001f1aced9f07b 00000001 52 001a 0516000000320917000000000016ecc0090100000000075bcde9",
        ouch.OrderRestated(
            timestamp_ns=34200000000123,
            user_ref_num=1,
            reason="R",
            options=ouch.Options(display_quantity=50, display_price=1502400, secondary_order_ref_num=123457001),
        ),
    ),
    # type, timestamp_ns, user_ref_num, firm, symbol, appendage_length
    (
        "58 00001f1aced9f07b 00000003 49524f4e 4141504c20202020 0000",
        ouch.MassCancelResponse(
            timestamp_ns=34200000000123, user_ref_num=3, firm="IRON", symbol="AAPL", options=ouch.Options()
        ),
    ),
    # type, timestamp_ns, user_ref_num, firm, appendage_length
    (
        "47 00001f1aced9f07b 00000004 49524f4e 0000",
        ouch.DisableOrderEntryResponse(
            timestamp_ns=34200000000123, user_ref_num=4, firm="IRON", options=ouch.Options()
        ),
    ),
    # type, timestamp_ns, user_ref_num, firm, appendage_length
    (
        "4b 00001f1aced9f07b 00000005 49524f4e 0000",
        ouch.EnableOrderEntryResponse(timestamp_ns=34200000000123, user_ref_num=5, firm="IRON", options=ouch.Options()),
    ),
    # type, timestamp_ns, user_ref_num
    (
        "50 00001f1aced9f07b 00000002",
        ouch.CancelPending(timestamp_ns=34200000000123, user_ref_num=2),
    ),
    # type, timestamp_ns, user_ref_num
    (
        "49 00001f1aced9f07b 00000002",
        ouch.CancelReject(timestamp_ns=34200000000123, user_ref_num=2),
    ),
    # type, timestamp_ns, next_user_ref_num
    (
        "51 00001f1aced9f07b 00000007",
        ouch.AccountQueryResponse(timestamp_ns=34200000000123, next_user_ref_num=7),
    ),
]

# length and tag, then the value
OUCH_TAGS: list[tuple[str, str, int | str]] = [
    # tag 1
    ("0901 00000000075bcde9", "secondary_order_ref_num", 123457001),
    # tag 2
    ("0502 49524f4e", "firm", "IRON"),
    # tag 3
    ("0503 00000064", "min_quantity", 100),
    # tag 4
    ("0204 52", "customer_type", "R"),
    # tag 5
    ("0505 000000c8", "max_floor", 200),
    # tag 6
    ("0206 4d", "price_type", "M"),
    # tag 7
    ("0507 ffffff9c", "peg_offset", -100),
    # tag 9
    ("0909 000000000016ed88", "discretion_price", 1502600),
    # tag 10
    ("020a 50", "discretion_price_type", "P"),
    # tag 11
    ("050b 80000000", "discretion_peg_offset", -2147483648),
    # tag 12
    ("020c 4e", "post_only", "N"),
    # tag 13
    ("050d 0000000a", "random_reserves", 10),
    # tag 14
    ("050e 5343414e", "route", "SCAN"),
    # tag 15
    ("050f 0001517f", "expire_time_s", 86399),
    # tag 16
    ("0210 59", "trade_now", "Y"),
    # tag 17
    ("0211 49", "handle_inst", "I"),
    # tag 18
    ("0212 53", "bbo_weight_indicator", "S"),
    # tag 22
    ("0516 00000032", "display_quantity", 50),
    # tag 23
    ("0917 000000000016ecc0", "display_price", 1502400),
    # tag 24
    ("0318 0201", "group_id", 513),
    # tag 25
    ("0219 59", "shares_located", "Y"),
    # tag 26
    ("051a 4c4f4342", "locate_broker", "LOCB"),
    # tag 27
    ("021b 54", "side", "T"),
    # tag 28
    ("021c 05", "user_ref_index", 5),
    # tag 29
    ("021d 2a", "aiq_strategy", "*"),
    # tag 30
    ("031e 2a2a", "aiq_group_id", "**"),
]

# Whole vectors put together and decoded elsewhere, which tie those above to something outside of this folder.
PUBLISHED_ADD = "41002a00031f1aced9f07b00000000075bcd1542000000644141504c202020200016ed24"
PUBLISHED_EXECUTED = "45002a00041f1acee932bb00000000075bcd1500000028000000003ade68b1"
PUBLISHED_REPLACE = "55002a00051f1acef874fb00000000075bcd1500000000075bcde70000003c0016ecc0"
PUBLISHED_PACKET = (
    "3030303030303031324100000000000f42410002000c530000000116eb550c600053001344002a00061f1acf07b73b00000000075bcde7"
)
PUBLISHED_ENTER_ORDER = (
    "4f0000000142000000644141504c20202020000000000016ed243059414e4e4f52442d312020202020202020200003020c50"
)
