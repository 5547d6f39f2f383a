using System.Buffers;
using System.IO.Pipelines;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Dumont.LocalCloud.S3;

/// <summary>The files that hold the bytes of a bucket. A file is written once and never changed; who reads one that is deleted reads on.</summary>
internal sealed class ContentFolder
{
    // What one step of a long copy takes: as much as stays in a processor's own cache.
    private const int StepBytes = 256 << 10;
    private const int NameBytes = 16;

    private readonly string _folder;

    public ContentFolder(string folder)
    {
        _folder = folder;
        for (var i = 0; i < 256; i++)
        {
            Directory.CreateDirectory(Path.Combine(folder, i.ToString("x2", System.Globalization.CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>A new file; nothing of it remains unless it is kept.</summary>
    public ContentWriter Create(long sizeHint)
    {
        var name = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(NameBytes));
        var path = PathOf(name);
        // One piece of disk, and four times the speed; small files do not care.
        return new ContentWriter(name, path, File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, FileOptions.None, sizeHint > 1 << 20 ? sizeHint : 0));
    }

    public void Delete(IEnumerable<ContentPiece> pieces)
    {
        foreach (var piece in pieces)
        {
            File.Delete(PathOf(piece.File));
        }
    }

    /// <summary>Opens the file of a piece.</summary>
    public SafeFileHandle Open(ContentPiece piece) => File.OpenHandle(PathOf(piece.File), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>Gives a range of an object to a writer, in steps.</summary>
    /// <param name="pieces">The object's files, open, with their sizes.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">How many.</param>
    /// <param name="output">Where to.</param>
    /// <param name="spoil">Changes a step before it goes out, given its place in the answer; null for none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task CopyAsync(
        IReadOnlyList<(SafeFileHandle File, long Size)> pieces, long offset, long length, PipeWriter output, SpanAction<byte, long>? spoil, CancellationToken cancellationToken)
    {
        var done = 0L;
        foreach (var (file, size) in pieces)
        {
            if (offset >= size)
            {
                offset -= size;
                continue;
            }

            while (offset < size && done < length)
            {
                var wanted = (int)Math.Min(Math.Min(StepBytes, size - offset), length - done);
                var read = ReadStep(file, offset, output, wanted, done, spoil);
                offset += read;
                done += read;
                var flush = await output.FlushAsync(cancellationToken);
                if (flush.IsCompleted)
                {
                    return;
                }
            }

            offset = 0;
        }
    }

    /// <summary>Deletes every file that is not named: what calls that were not finished left.</summary>
    public void KeepOnly(HashSet<string> names)
    {
        foreach (var path in Directory.EnumerateFiles(_folder, "*", SearchOption.AllDirectories).Where(path => !names.Contains(Path.GetFileName(path))))
        {
            File.Delete(path);
        }
    }

    private static int ReadStep(SafeFileHandle file, long offset, PipeWriter output, int wanted, long done, SpanAction<byte, long>? spoil)
    {
        var total = 0;
        while (total < wanted)
        {
            var memory = output.GetSpan(Math.Min(wanted - total, LargeBlockPool.BlockBytes));
            var read = RandomAccess.Read(file, memory[..Math.Min(memory.Length, wanted - total)], offset + total);
            if (read == 0)
            {
                throw new EndOfStreamException("a file of a bucket is shorter than it was written");
            }

            spoil?.Invoke(memory[..read], done + total);
            output.Advance(read);
            total += read;
        }

        return total;
    }

    private string PathOf(string name) => Path.Combine(_folder, name[..2], name);
}
