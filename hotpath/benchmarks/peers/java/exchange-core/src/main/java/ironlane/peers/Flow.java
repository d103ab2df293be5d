package ironlane.peers;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;

/** The commands of an order flow in flat arrays, read from packed structs (native/order_flow.pxd). */
final class Flow {
    static final byte NEW = 1;
    static final byte IOC = 2;
    static final byte CANCEL = 3;
    static final byte MOVE = 4;
    static final int OWNERS = 1000;
    static final long HIGHEST_PRICE = 16_384 * 100;
    private static final int STRUCT_BYTES = 40;

    final int prefill;
    final int count;
    final byte[] kind;
    final boolean[] buy;
    final int[] orderId;
    final long[] price;
    final int[] quantity;
    final short[] owner;

    Flow(Opening opening) throws IOException {
        prefill = opening.prefill();
        count = prefill + opening.count();
        kind = new byte[count];
        buy = new boolean[count];
        orderId = new int[count];
        price = new long[count];
        quantity = new int[count];
        owner = new short[count];
        try (FileChannel file = FileChannel.open(Path.of(opening.file()))) {
            if (file.size() != (long) count * STRUCT_BYTES) {
                throw new IOException(opening.file() + ": " + file.size() + " bytes, expected " + count + " commands");
            }
            ByteBuffer data = file.map(FileChannel.MapMode.READ_ONLY, 0, file.size()).order(ByteOrder.LITTLE_ENDIAN);
            for (int i = 0; i < count; i++) {
                int at = i * STRUCT_BYTES;
                price[i] = data.getLong(at + 16);
                orderId[i] = data.getInt(at + 24);
                quantity[i] = data.getInt(at + 28);
                owner[i] = data.getShort(at + 32);
                kind[i] = data.get(at + 34);
                buy[i] = data.get(at + 35) == 'B';
            }
        }
    }
}
