using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Dumont.LocalCloud.S3;

/// <summary>Memory for the web server in blocks of 64 KiB. With its own blocks of 4 KiB every read and write of a socket moves 4 KiB, which costs
/// more than the bytes themselves.</summary>
internal sealed class LargeBlockPool : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    public const int BlockBytes = 64 << 10;

    // 64 MiB: what 64 connections hold at once. More is left to the collector.
    private const int KeptMax = 1024;

    private readonly ConcurrentQueue<Block> _free = new();

    public override int MaxBufferSize => BlockBytes;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockBytes);
        return _free.TryDequeue(out var block) ? block : new Block(this);
    }

    // One pool for all connections: blocks that one gives back are warm for the next.
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    protected override void Dispose(bool disposing)
    {
        // The pool lives as long as the server; connections that end dispose of their factory's pool, which is this one.
    }

    private sealed class Block : MemoryManager<byte>
    {
        private readonly LargeBlockPool _pool;
        private readonly byte[] _bytes = GC.AllocateUninitializedArray<byte>(BlockBytes, pinned: true);

        public Block(LargeBlockPool pool) => _pool = pool;

        public override Memory<byte> Memory => CreateMemory(BlockBytes);

        public override Span<byte> GetSpan() => _bytes;

        public override unsafe MemoryHandle Pin(int elementIndex = 0) => new((byte*)Marshal.UnsafeAddrOfPinnedArrayElement(_bytes, elementIndex));

        public override void Unpin()
        {
        }

        protected override bool TryGetArray(out ArraySegment<byte> segment)
        {
            segment = new ArraySegment<byte>(_bytes);
            return true;
        }

        protected override void Dispose(bool disposing)
        {
            if (_pool._free.Count < KeptMax)
            {
                _pool._free.Enqueue(this);
            }
        }
    }
}
