using System.Buffers;
using Microsoft.Win32.SafeHandles;

namespace Dumont.LocalCloud.S3;

/// <summary>Where the bytes of a body go.</summary>
internal abstract class BodySink : IDisposable
{
    /// <summary>Bytes so far.</summary>
    public abstract long Size { get; }

    public abstract void Write(ReadOnlySpan<byte> bytes);

    public void Write(ReadOnlySequence<byte> bytes)
    {
        foreach (var memory in bytes)
        {
            Write(memory.Span);
        }
    }

    public abstract void Dispose();
}

/// <summary>A file of a bucket that is being written. Deleted at the end unless <see cref="Keep"/> was called.</summary>
internal sealed class ContentWriter(string name, string path, SafeFileHandle file) : BodySink
{
    private long _size;
    private bool _kept;

    public override long Size => _size;

    public override void Write(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(file, bytes, _size);
        _size += bytes.Length;
    }

    public ContentPiece Keep()
    {
        _kept = true;
        return new ContentPiece(name, Size);
    }

    public override void Dispose()
    {
        file.Dispose();
        if (!_kept)
        {
            File.Delete(path);
        }
    }
}

/// <summary>A document that is being received.</summary>
internal sealed class MemorySink : BodySink
{
    private readonly MemoryStream _text = new();

    public override long Size => _text.Length;

    public override void Write(ReadOnlySpan<byte> bytes) => _text.Write(bytes);

    public Stream Rewound()
    {
        _text.Position = 0;
        return _text;
    }

    public override void Dispose() => _text.Dispose();
}
