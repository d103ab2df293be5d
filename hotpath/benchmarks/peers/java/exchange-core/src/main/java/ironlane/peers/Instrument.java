package ironlane.peers;

import exchange.core2.core.common.CoreSymbolSpecification;
import exchange.core2.core.common.SymbolType;

/** The one symbol: a currency pair without fees. */
final class Instrument {
    static final int SYMBOL = 1;
    static final int BASE = 11;
    static final int QUOTE = 15;
    static final int WHOLE_BOOK = 65_536;
    static final CoreSymbolSpecification SPECIFICATION = CoreSymbolSpecification.builder()
            .symbolId(SYMBOL)
            .type(SymbolType.CURRENCY_EXCHANGE_PAIR)
            .baseCurrency(BASE)
            .quoteCurrency(QUOTE)
            .baseScaleK(1)
            .quoteScaleK(1)
            .build();

    private Instrument() {}
}
