namespace Dumont.LocalCloud.S3;

/// <summary>The order in which S3 lists keys: that of their bytes in UTF-8. It differs from the order of UTF-16 where one of two letters
/// needs two words and the other stands above them.</summary>
internal sealed class KeyOrder : IComparer<string>
{
    public static readonly KeyOrder Instance = new();

    public int Compare(string? x, string? y)
    {
        var one = x.AsSpan();
        var other = y.AsSpan();
        var common = one.CommonPrefixLength(other);
        if (common == one.Length || common == other.Length)
        {
            return one.Length.CompareTo(other.Length);
        }

        return Rank(one[common]).CompareTo(Rank(other[common]));
    }

    // Surrogates stand for what is above every other letter.
    private static int Rank(char letter) => char.IsSurrogate(letter) ? letter + 0x10000 : letter;
}
