namespace Dumont.Snapshots;

/// <summary>A key to an S3 account. Prints as <c>***</c>, wherever it is printed.</summary>
/// <param name="AccessKeyId">Names the key.</param>
/// <param name="SecretAccessKey">The key.</param>
/// <param name="SessionToken">Of a key that ends by itself, or null.</param>
public sealed record S3Credentials(string AccessKeyId, string SecretAccessKey, string? SessionToken = null)
{
    /// <summary>Three stars.</summary>
    public override string ToString() => "***";
}
