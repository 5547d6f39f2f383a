using System.Text;

namespace Dumont.Snapshots.Tests;

/// <summary>Trees with everything that a snapshot can hold.</summary>
internal static class Trees
{
    /// <summary>Files that fast compression codes in every way that it has, and entries of every kind.</summary>
    public static void WriteFirst(string root)
    {
        foreach (var kind in new[] { "bf16", "fp16", "fp32", "int32", "text", "zeros", "constant" })
        {
            Bench.Write(root, $"samples/{kind}", ChunkSamples.Make(kind, 150_000, 7));
        }

        Bench.Write(root, "samples/noise", Bench.Noise(70_000, 8));
        Bench.Write(root, "empty", []);
        Bench.Write(root, "large", ChunkSamples.Make("fp32", 2_000_000, 9));
        WriteSparse(Path.Combine(root, "sparse"));
        Bench.Write(root, "names/ü and a space", [1]);
        Directory.CreateDirectory(Path.Combine(root, "folder", "empty"));
        File.CreateSymbolicLink(Path.Combine(root, "folder", "link"), "../nowhere");
        Kernel.Link(Path.Combine(root, "samples/text"), Path.Combine(root, "another name"));
        Kernel.MakePipe(Path.Combine(root, "pipe"));
        Kernel.SetAttribute(Path.Combine(root, "samples/noise"), "user.comment", "with\0zero"u8);
        Kernel.SetAttribute(Path.Combine(root, "folder"), "user.empty", []);
        File.SetUnixFileMode(Path.Combine(root, "samples/fp32"), UnixFileMode.UserRead | UnixFileMode.SetUser);
        File.SetUnixFileMode(Path.Combine(root, "folder/empty"), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.StickyBit);
        File.SetLastWriteTimeUtc(Path.Combine(root, "samples/int32"), new DateTime(1969, 1, 2, 3, 4, 5, DateTimeKind.Utc).AddTicks(67));
    }

    /// <summary>Changes that are stored as differences, and what only dense compression does.</summary>
    public static void WriteSecond(string root)
    {
        var large = File.ReadAllBytes(Path.Combine(root, "large"));
        Bench.Noise(5000, 10).CopyTo(large, 700_001);
        File.WriteAllBytes(Path.Combine(root, "large"), large);
        foreach (var kind in new[] { "bf16", "fp32", "text", "int8" })
        {
            Bench.Write(root, $"dense/{kind}", ChunkSamples.Make(kind, 90_000, 11));
        }

        File.Delete(Path.Combine(root, "empty"));
    }

    /// <summary>Path, length and hash of each file, a line each.</summary>
    public static string Listing(Dictionary<string, byte[]> files) =>
        string.Concat(files.OrderBy(file => file.Key, StringComparer.Ordinal).Select(file => $"{ContentHash.Of(file.Value)} {file.Value.Length} {file.Key}\n"));

    private static void WriteSparse(string path)
    {
        using var file = new FileStream(path, FileMode.CreateNew);
        file.SetLength(3_000_000);
        file.Seek(1_000_000, SeekOrigin.Begin);
        file.Write(Encoding.ASCII.GetBytes(new string('x', 5000)));
    }
}
