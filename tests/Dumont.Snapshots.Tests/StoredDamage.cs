namespace Dumont.Snapshots.Tests;

/// <summary>What a disk does to a repository in a folder.</summary>
internal static class StoredDamage
{
    /// <summary>Flips one bit in the middle of the largest file.</summary>
    public static void FlipInLargest(string folder)
    {
        var largest = new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).MaxBy(file => file.Length)!;

        // restic's packs are read-only. Whoever has read a file may keep it open.
        File.SetUnixFileMode(largest.FullName, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        using var file = File.OpenHandle(largest.FullName, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        var middle = largest.Length / 2;
        Span<byte> one = [0];
        RandomAccess.Read(file, one, middle);
        one[0] ^= 1;
        RandomAccess.Write(file, one, middle);
    }
}
