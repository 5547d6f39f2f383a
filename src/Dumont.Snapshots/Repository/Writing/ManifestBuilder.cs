using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>Puts a manifest together from what the scan knew and what the reading of the files found.</summary>
internal static class ManifestBuilder
{
    public static void WriteRow(IBufferWriter<byte> writer, ReadOnlySpan<byte> name, in ManifestStat stat, ReadOnlySpan<byte> payload)
    {
        writer.WriteBytes(name);
        stat.Write(writer.GetSpan(ManifestStat.Bytes));
        writer.Advance(ManifestStat.Bytes);
        writer.WriteBytes(payload);
    }

    /// <summary>Payload of a file.</summary>
    /// <returns>Length of the file: the sum of the extents.</returns>
    public static long WriteFilePayload(IBufferWriter<byte> writer, ReadOnlySpan<byte> attributes, List<Extent> extents)
    {
        var size = 0L;
        writer.Write(attributes);
        writer.WriteVarint((ulong)extents.Count);
        foreach (var extent in extents)
        {
            size += extent.LengthBytes;
            writer.WriteVarint(((ulong)extent.LengthBytes << 1) | (extent.IsHole ? 1u : 0u));
            if (!extent.IsHole)
            {
                writer.WriteHash(extent.Chunk);
            }
        }

        return size;
    }

    /// <summary>The whole manifest. Rows without a payload are left out.</summary>
    public static ReadOnlyMemory<byte> Build(ScannedTree tree)
    {
        var size = tree.Directories.Sum(d => d.Rows.WrittenCount + d.Path.Length + 16 + d.Deferred.Sum(r => r.Name.Length + ManifestStat.Bytes + 16 + (r.Payload?.Length ?? 0)));
        var manifest = new ArrayBufferWriter<byte>(size + 256);
        manifest.Write(Manifest.Magic);
        WriteRow(manifest, [], tree.Root.Stat, tree.Root.Payload);
        var rows = new ArrayBufferWriter<byte>(64 << 10);
        foreach (var directory in tree.Directories)
        {
            rows.ResetWrittenCount();
            var count = directory.RowCount + JoinRows(directory, rows);
            manifest.WriteBytes(Encoding.Latin1.GetBytes(directory.Path));
            manifest.WriteVarint((ulong)count);
            BinaryPrimitives.WriteUInt32LittleEndian(manifest.GetSpan(sizeof(uint)), (uint)rows.WrittenCount);
            manifest.Advance(sizeof(uint));
            manifest.Write(rows.WrittenSpan);
        }

        return manifest.WrittenMemory;
    }

    // Known rows and those that came later, in order; how many came.
    private static int JoinRows(ScannedDirectory directory, ArrayBufferWriter<byte> rows)
    {
        var known = directory.Rows.WrittenSpan;
        var copied = 0;
        var count = 0;
        foreach (var row in directory.Deferred)
        {
            rows.Write(known[copied..row.Position]);
            copied = row.Position;
            if (row.Payload is { } payload)
            {
                WriteRow(rows, row.Name, row.Stat, payload);
                count++;
            }
        }

        rows.Write(known[copied..]);
        return count;
    }
}
