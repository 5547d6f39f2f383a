namespace Dumont.Snapshots;

/// <summary>How long chunks are. Smaller ones find more of a file that changed in many places, and cost more index and more overhead each.</summary>
/// <param name="MinimumBytes">No chunk but the last of an input is shorter; at least 128.</param>
/// <param name="AverageBytes">What lengths gather around; a power of two between the two others, at least 4096.</param>
/// <param name="MaximumBytes">No chunk is longer.</param>
public readonly record struct ChunkSizes(int MinimumBytes, int AverageBytes, int MaximumBytes)
{
    /// <summary>16 KiB, 64 KiB, 256 KiB: text, and whatever is not known to be large tensors.</summary>
    public static ChunkSizes Small => new(16 << 10, 64 << 10, 256 << 10);

    /// <summary>64 KiB, 256 KiB, 1 MiB: tensors and files of many MiB, and sync.</summary>
    public static ChunkSizes Large => new(64 << 10, 256 << 10, 1 << 20);
}
