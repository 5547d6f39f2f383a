using System.Globalization;
using System.Text;

namespace Dumont.Snapshots;

/// <summary>Collects warnings of all workers: counts all, keeps the first ones.</summary>
internal sealed class RestoreWarnings
{
    private const int Kept = 200;

    private readonly Lock _lock = new();
    private readonly List<RestoreWarning> _first = [];
    private long _count;
    private long _ownersSkipped;

    public long Count => Interlocked.Read(ref _count);

    public long OwnersSkipped => Interlocked.Read(ref _ownersSkipped);

    public IReadOnlyList<RestoreWarning> First
    {
        get
        {
            lock (_lock)
            {
                return [.. _first];
            }
        }
    }

    public void Add(TreePath path, string message)
    {
        Interlocked.Increment(ref _count);
        lock (_lock)
        {
            if (_first.Count < Kept)
            {
                _first.Add(new RestoreWarning(Escape(path), message));
            }
        }
    }

    public void OwnerSkipped() => Interlocked.Increment(ref _ownersSkipped);

    /// <summary>A path as it may be shown: nothing in it can move the cursor, turn the text around or pass for something else.</summary>
    public static string Escape(TreePath path) => path.IsRoot ? "." : Escape(path.ToBytes());

    /// <summary>As <see cref="Escape(TreePath)"/>, for bytes that need not be a path.</summary>
    public static string Escape(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            var valid = Rune.DecodeFromUtf8(bytes, out var rune, out var used) == System.Buffers.OperationStatus.Done;
            if (!valid)
            {
                for (var i = 0; i < used; i++)
                {
                    text.Append(CultureInfo.InvariantCulture, $"\\x{bytes[i]:x2}");
                }
            }
            else if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator
                or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned)
            {
                text.Append(CultureInfo.InvariantCulture, $"\\u{{{rune.Value:x}}}");
            }
            else
            {
                text.Append(rune.Value == '\\' ? "\\\\" : rune.ToString());
            }

            bytes = bytes[used..];
        }

        return text.ToString();
    }
}
