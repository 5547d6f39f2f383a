using System.Text.Json;

namespace Dumont.Contracts.Tests;

public sealed class IdsTests
{
    [Theory]
    [InlineData("1", 1L)]
    [InlineData("9223372036854775807", long.MaxValue)]
    public void Parse_PositiveDigits_GivesTheNumber(string text, long expected) =>
        Assert.Equal(new InstanceId(expected), InstanceId.Parse(text, null));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("-1")]
    [InlineData("+1")]
    [InlineData(" 1")]
    [InlineData("1.0")]
    [InlineData("0x1")]
    [InlineData("9223372036854775808")]
    [InlineData("../1")]
    public void TryParse_AnythingElse_SaysNo(string text)
    {
        Assert.False(InstanceId.TryParse(text, null, out _));
        Assert.Throws<FormatException>(() => MachineId.Parse(text, null));
    }

    [Fact]
    public void Json_Id_IsABareNumber()
    {
        Assert.Equal("7", JsonSerializer.Serialize(new InstanceId(7)));
        Assert.Equal(new UserId(7), JsonSerializer.Deserialize<UserId>("7"));
        Assert.Equal(new UserId(7), JsonSerializer.Deserialize<UserId>("\"7\""));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-3")]
    [InlineData("1.5")]
    [InlineData("\"x\"")]
    [InlineData("{}")]
    [InlineData("null")]
    public void Json_NotAnId_IsRefused(string json) =>
        Assert.Throws<JsonException>(() => JsonSerializer.Deserialize<InstanceId>(json));
}
